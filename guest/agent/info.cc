#include "info.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>

#include "reply.h"
#include "request.h"

namespace bridle::agent {
namespace {

// Up to 4000 bytes of a file, without the line feeds at its end; empty when there is none.
std::string file_text(const char* path) {
  std::string text(4000, '\0');
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t n = ::read(fd, text.data(), text.size());
  ::close(fd);
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

bool address_text(const sockaddr* address, char (&text)[INET6_ADDRSTRLEN]) {
  if (address == nullptr) return false;
  if (address->sa_family == AF_INET)
    return ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text,
                       sizeof text) != nullptr;
  if (address->sa_family == AF_INET6)
    return ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text,
                       sizeof text) != nullptr;
  return false;
}

void put_addresses(std::string& out) {
  out += ",\"addresses\":[";
  ifaddrs* all = nullptr;
  int count = 0;
  if (::getifaddrs(&all) == 0) {
    for (const ifaddrs* one = all; one != nullptr && count < 64; one = one->ifa_next) {
      char text[INET6_ADDRSTRLEN];
      if ((one->ifa_flags & IFF_LOOPBACK) != 0 || !address_text(one->ifa_addr, text)) continue;
      if (count++ > 0) out += ',';
      out += "{\"interface\":";
      put_string(out, one->ifa_name, 128);
      out += ",\"address\":";
      put_string(out, text, 128);
      out += '}';
    }
    ::freeifaddrs(all);
  }
  out += ']';
}

}  // namespace

std::string info_reply(uint64_t id) {
  utsname name{};
  ::uname(&name);
  std::string out = begin_reply(id, true);
  put_member(out, "hostname", name.nodename);
  put_member(out, "kernel", name.release);
  put_member(out, "boot_id", file_text("/proc/sys/kernel/random/boot_id"));
  put_member(out, "uptime", std::atoll(file_text("/proc/uptime").c_str()));
  put_member(out, "version", BRIDLE_VERSION);
  put_addresses(out);
  const std::string report = file_text("/run/bridle/seed.report");
  if (!report.empty()) put_member(out, "seed", report);
  close(out);
  return out;
}

void power_off() {
  if (::fork() != 0) return;
  ::setsid();
  // An image may bring its own way; else its init's.
  ::execl("/sbin/bridle-power-off", "bridle-power-off", nullptr);
  ::execl("/sbin/poweroff", "poweroff", nullptr);
  ::sync();
  ::reboot(RB_POWER_OFF);
  ::_exit(1);
}

}  // namespace bridle::agent
