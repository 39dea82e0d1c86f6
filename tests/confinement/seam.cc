#include "seam.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>

#include "base/file.h"
#include "jail/loop.h"
#include "jail/new_root.h"
#include "jail/process.h"
#include "probe.h"

namespace bridle::confinement {
Orders orders;
AttendantAnswers* attendant_answers = nullptr;
int last_status = -1;
}  // namespace bridle::confinement

using namespace bridle;
using namespace bridle::confinement;

namespace {

bool without(const char* layer) { return orders.without.contains(layer); }

// The first attendant of this run makes the probes; those that follow it attend.
bool is_probing_attendant = false;

void enter_attendant() {
  pid_t nobody = 0;
  is_probing_attendant = !orders.in_attendant.empty() &&
                         attendant_answers->pid.compare_exchange_strong(nobody, ::getpid());
}

long namespaces_kept(long flags) {
  const std::pair<const char*, long> layers[] = {
      {"pid-ns", CLONE_NEWPID}, {"net-ns", CLONE_NEWNET},   {"ipc-ns", CLONE_NEWIPC},
      {"uts-ns", CLONE_NEWUTS}, {"user-ns", CLONE_NEWUSER}, {"mount-ns", CLONE_NEWNS}};
  // A new root without a mount namespace would be everybody's.
  if (without("mount-ns") && !without("root")) std::abort();
  for (const auto& [layer, flag] : layers)
    if (without(layer)) flags &= ~flag;
  return flags;
}

mount_attr attributes_kept(mount_attr attributes) {
  const std::pair<const char*, uint64_t> layers[] = {
      {"read-only", MOUNT_ATTR_RDONLY}, {"nosuid", MOUNT_ATTR_NOSUID}, {"nodev", MOUNT_ATTR_NODEV}};
  for (const auto& [layer, flag] : layers)
    if (without(layer)) attributes.attr_set &= ~flag;
  return attributes;
}

bool is_skipped(long call) {
  const std::pair<long, const char*> layers[] = {{SYS_setgroups, "groups"},
                                                 {SYS_setresgid, "gid"},
                                                 {SYS_setresuid, "uid"},
                                                 {SYS_capset, "capset"}};
  for (const auto& [number, layer] : layers)
    if (call == number && without(layer)) return true;
  return false;
}

}  // namespace

extern "C" {

// ---- the C library

long __real_syscall(long number, ...);
int __real_prctl(int option, ...);
int __real_mount(const char*, const char*, const char*, unsigned long, const void*);
int __real_setrlimit(int resource, const rlimit* limit);
int __real_close_range(unsigned first, unsigned last, int flags);
int __real_chroot(const char* path);
int __real_execve(const char* path, char* const argv[], char* const envp[]);
int __real_execv(const char* path, char* const argv[]);

long __wrap_syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  if (is_skipped(number)) return 0;
  if (number == SYS_clone) a[0] = namespaces_kept(a[0]);
  if (number == SYS_mount_setattr) {
    mount_attr kept = attributes_kept(*reinterpret_cast<const mount_attr*>(a[3]));
    return __real_syscall(number, a[0], a[1], a[2], &kept, a[4]);
  }
  return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int __wrap_prctl(int option, ...) {
  va_list list;
  va_start(list, option);
  unsigned long a[4];
  for (unsigned long& argument : a) argument = va_arg(list, unsigned long);
  va_end(list);
  if (option == PR_CAPBSET_DROP && without("bounding")) return 0;
  if (option == PR_SET_NO_NEW_PRIVS && without("nnp")) return 0;
  if (option == PR_SET_SECCOMP && without("filter")) return 0;
  if (option == PR_SET_NAME &&
      std::strcmp(reinterpret_cast<const char*>(a[0]), "bridle-attend") == 0)
    enter_attendant();
  return __real_prctl(option, a[0], a[1], a[2], a[3]);
}

int __wrap_mount(const char* source, const char* target, const char* type, unsigned long flags,
                 const void* data) {
  if (without("noexec")) flags &= ~static_cast<unsigned long>(MS_NOEXEC);
  if (without("sealed") && (flags & MS_REMOUNT) != 0)
    flags &= ~static_cast<unsigned long>(MS_RDONLY);
  return __real_mount(source, target, type, flags, data);
}

int __wrap_setrlimit(int resource, const rlimit* limit) {
  const std::map<int, const char*> layers = {
      {RLIMIT_CORE, "core"},         {RLIMIT_NOFILE, "nofile"}, {RLIMIT_FSIZE, "fsize"},
      {RLIMIT_DATA, "data"},         {RLIMIT_RTPRIO, "rtprio"}, {RLIMIT_NICE, "nice"},
      {RLIMIT_MSGQUEUE, "msgqueue"},
  };
  const auto found = layers.find(resource);
  if (found != layers.end() && without(found->second)) return 0;
  return __real_setrlimit(resource, limit);
}

int __wrap_close_range(unsigned first, unsigned last, int flags) {
  return without("descriptors") ? 0 : __real_close_range(first, last, flags);
}

int __wrap_chroot(const char* path) { return without("root") ? 0 : __real_chroot(path); }

// The one thing that is swapped in every run: the program; and arguments that are fixed.
int __wrap_execve(const char* path, char* const argv[], char* const envp[]) {
  if (without("environment")) envp = environ;
  if (orders.program < 0) return __real_execve(path, argv, envp);
  std::vector<char*> words = {const_cast<char*>(path)};
  for (std::string& word : orders.fixed_words) words.push_back(word.data());
  words.push_back(nullptr);
  const std::string_view name(path);
  if (name.ends_with("/swtpm") || name.ends_with("/bridle-switch")) argv = words.data();
  return static_cast<int>(
      __real_syscall(SYS_execveat, orders.program, "", argv, envp, AT_EMPTY_PATH));
}

int __wrap_execv(const char*, char* const argv[]) {
  std::vector<char*> words;
  for (; *argv != nullptr; ++argv) words.push_back(*argv);
  for (std::string& word : orders.words) words.push_back(word.data());
  words.push_back(nullptr);
  return static_cast<int>(
      __real_syscall(SYS_execveat, orders.program, "", words.data(), environ, AT_EMPTY_PATH));
}

}  // extern "C"

// ---- the jail's own functions, by their linkers' names

#define REPLACES(symbol) asm("__wrap_" symbol)
#define ORIGINAL(symbol) asm("__real_" symbol)
#define TEXT "RKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"

using jail::NewRoot;

#define JOIN_GROUPS "_ZN6bridle4jail11join_groupsERKSt6vectorINS_2FdESaIS2_EE"
Status real_join_groups(const std::vector<Fd>&) ORIGINAL(JOIN_GROUPS);
Status join_groups(const std::vector<Fd>&) REPLACES(JOIN_GROUPS);
Status join_groups(const std::vector<Fd>& entrances) {
  return without("cgroup") ? Status() : real_join_groups(entrances);
}

#define REAP "_ZN6bridle4jail4reapEi"
std::optional<int> real_reap(int) ORIGINAL(REAP);
std::optional<int> reap(int) REPLACES(REAP);
std::optional<int> reap(int pidfd) {
  const auto status = real_reap(pidfd);
  if (status) last_status = *status;
  return status;
}

// Without its user namespace the build helper has no ids to map.
#define WRITE_ALL "_ZN6bridle9write_allEiSt17basic_string_viewIcSt11char_traitsIcEE"
Status real_write_all(int, std::string_view) ORIGINAL(WRITE_ALL);
Status write_all_or_no_map(int, std::string_view) REPLACES(WRITE_ALL);
Status write_all_or_no_map(int fd, std::string_view bytes) {
  if (without("user-ns") && bytes.starts_with("0 ") && bytes.ends_with(" 65536")) return {};
  return real_write_all(fd, bytes);
}

// An attendant makes its probes where it would begin to serve.
#define LOOP_RUN "_ZN6bridle4jail4Loop3runEv"
Status real_run(jail::Loop*) ORIGINAL(LOOP_RUN);
Status run_or_probe(jail::Loop*) REPLACES(LOOP_RUN);
Status run_or_probe(jail::Loop* loop) {
  if (!is_probing_attendant) return real_run(loop);
  std::string text;
  for (const std::string& word : orders.in_attendant)
    text += word + "\t" + answer_text(probe(word)) + "\n";
  std::strncpy(attendant_answers->text, text.c_str(), sizeof attendant_answers->text - 1);
  attendant_answers->done = true;
  return real_run(loop);
}

// The new root, all of it or nothing.
#define NEW_ROOT(name, mangled, parameters, arguments)                       \
  Status real_##name parameters ORIGINAL("_ZN6bridle4jail7NewRoot" mangled); \
  Status name parameters REPLACES("_ZN6bridle4jail7NewRoot" mangled);        \
  Status name parameters { return without("root") ? Status() : real_##name arguments; }

NEW_ROOT(enter, "5enterEv", (NewRoot * root), (root))
NEW_ROOT(attach_taken, "12attach_takenEv", (NewRoot * root), (root))
NEW_ROOT(furnish, "7furnishEv", (NewRoot * root), (root))
NEW_ROOT(finish, "6finishEv", (NewRoot * root), (root))
NEW_ROOT(mount_proc, "10mount_procEv", (NewRoot * root), (root))
NEW_ROOT(link_to, "4linkE" TEXT "S9_",
         (NewRoot * root, const std::string& to, const std::string& at), (root, to, at))
NEW_ROOT(make_device, "11make_deviceE" TEXT "jjjj",
         (NewRoot * root, const std::string& at, unsigned major, unsigned minor, mode_t mode,
          uid_t owner),
         (root, at, major, minor, mode, owner))
NEW_ROOT(make_folder, "11make_folderE" TEXT "jj",
         (NewRoot * root, const std::string& at, mode_t mode, uid_t owner), (root, at, mode, owner))
NEW_ROOT(make_scratch, "12make_scratchE" TEXT "S9_j",
         (NewRoot * root, const std::string& at, const std::string& size, uid_t owner),
         (root, at, size, owner))
