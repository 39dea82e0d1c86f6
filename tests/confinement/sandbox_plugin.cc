// A TCG plugin that tries one system call from inside a running QEMU: what its -sandbox leaves to
// code that took QEMU over. The first translated block of the guest makes the call that try=NAME
// chooses, in a vCPU's thread; the answer goes to descriptor 20, and QEMU ends, by SIGSYS where the
// sandbox ends whoever tries. try=list writes "SET<tab>NAME" lines instead.
//
// QEMU's header for plugins is in no package: what is used of it is declared here, as documented
// (version 4 of the interface, QEMU 10.0).
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#define EXPORTED extern "C" __attribute__((visibility("default")))

extern "C" {
struct qemu_plugin_tb;
using on_block = void (*)(uint64_t plugin, qemu_plugin_tb* block);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t plugin, on_block call);
}
EXPORTED int qemu_plugin_version;
int qemu_plugin_version = 4;

namespace {

constexpr int answers = 20;
const char* chosen = "";

struct Try {
  const char* set;  // the word of -sandbox that denies it; "on": always denied
  const char* name;
  long call;
  long arguments[3];
};

// Each is harmless where it succeeds: wrong pointers, "no change" ids, its own niceness.
constexpr Try tries[] = {
    {"on", "mount", SYS_mount, {0, 0, 0}},
    {"on", "swapon", SYS_swapon, {0, 0, 0}},
    {"obsolete", "ustat", SYS_ustat, {0, 0, 0}},
    {"obsolete", "sysfs", SYS_sysfs, {3, 0, 0}},
    {"elevateprivileges", "setuid", SYS_setuid, {-1, 0, 0}},
    {"elevateprivileges", "setresuid", SYS_setresuid, {-1, -1, -1}},
    {"elevateprivileges", "setresgid", SYS_setresgid, {-1, -1, -1}},
    {"elevateprivileges", "setfsuid", SYS_setfsuid, {-1, 0, 0}},
    {"spawn", "fork", SYS_fork, {}},
    {"spawn", "clone", SYS_clone, {SIGCHLD, 0, 0}},
    {"spawn", "execve", SYS_execve, {0, 0, 0}},
    {"resourcecontrol", "setpriority", SYS_setpriority, {0, 0, 19}},
    {"resourcecontrol", "sched_setaffinity", SYS_sched_setaffinity, {0, 0, 0}},
};

void tell(const char* first, const char* second) {
  char line[128];
  const int size = std::snprintf(line, sizeof line, "%s\t%s\n", first, second);
  if (::write(answers, line, static_cast<size_t>(size)) != size) ::_exit(3);
}

void try_it(const Try& one) {
  const auto& words = one.arguments;
  const long result = ::syscall(one.call, words[0], words[1], words[2], 0L, 0L, 0L);
  const bool child = result == 0 && (one.call == SYS_fork || one.call == SYS_clone);
  if (child) ::_exit(0);
  tell(one.name, result < 0 ? ::strerrorname_np(errno) : "done");
}

void on_translation(uint64_t, qemu_plugin_tb*) {
  for (const Try& one : tries) {
    if (std::strcmp(chosen, "list") == 0) tell(one.set, one.name);
    if (std::strcmp(chosen, one.name) == 0) try_it(one);
  }
  ::_exit(0);
}

}  // namespace

EXPORTED int qemu_plugin_install(uint64_t plugin, const void*, int count, char** words) {
  if (count != 1 || std::strncmp(words[0], "try=", 4) != 0) return 1;
  chosen = words[0] + 4;
  qemu_plugin_register_vcpu_tb_trans_cb(plugin, on_translation);
  return 0;
}
