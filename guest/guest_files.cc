// The files of the guest recipes, taken into the program by the assembler (see CMakeLists.txt).
#include "image/guest_files.h"

#define EMBED(symbol, path)                                                     \
  asm(".section .rodata\n" #symbol "_begin:\n.incbin \"" path "\"\n" #symbol    \
      "_end:\n.byte 0\n.previous\n");                                           \
  extern "C" const char symbol##_begin[] __attribute__((visibility("hidden"))); \
  extern "C" const char symbol##_end[] __attribute__((visibility("hidden")))

EMBED(guest_agent, AGENT_FILE);
EMBED(guest_tiny_inittab, GUEST_FOLDER "tiny/inittab");
EMBED(guest_tiny_rc, GUEST_FOLDER "tiny/rc");
EMBED(guest_tiny_profile, GUEST_FOLDER "tiny/profile");
EMBED(guest_tiny_power_off, GUEST_FOLDER "tiny/power-off");
EMBED(guest_common_seed, GUEST_FOLDER "common/seed");
EMBED(guest_common_network, GUEST_FOLDER "common/network");
EMBED(guest_common_dhcp, GUEST_FOLDER "common/dhcp");
EMBED(guest_debian_inittab, GUEST_FOLDER "debian/inittab");
EMBED(guest_debian_rc, GUEST_FOLDER "debian/rc");
EMBED(guest_debian_initrd, GUEST_FOLDER "debian/initrd");
EMBED(guest_debian_console, GUEST_FOLDER "debian/console");
EMBED(guest_debian_sshd, GUEST_FOLDER "debian/sshd");
EMBED(guest_debian_sshd_conf, GUEST_FOLDER "debian/sshd.conf");

namespace bridle::image {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace

#define ROW(name, symbol) \
  { name, between(symbol##_begin, symbol##_end) }

const GuestFiles& guest_files() {
  static const GuestFiles files = {
      ROW("agent", guest_agent),
      ROW("tiny/inittab", guest_tiny_inittab),
      ROW("tiny/rc", guest_tiny_rc),
      ROW("tiny/profile", guest_tiny_profile),
      ROW("tiny/power-off", guest_tiny_power_off),
      ROW("common/seed", guest_common_seed),
      ROW("common/network", guest_common_network),
      ROW("common/dhcp", guest_common_dhcp),
      ROW("debian/inittab", guest_debian_inittab),
      ROW("debian/rc", guest_debian_rc),
      ROW("debian/initrd", guest_debian_initrd),
      ROW("debian/console", guest_debian_console),
      ROW("debian/sshd", guest_debian_sshd),
      ROW("debian/sshd.conf", guest_debian_sshd_conf),
  };
  return files;
}

}  // namespace bridle::image
