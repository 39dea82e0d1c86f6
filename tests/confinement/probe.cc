#include "probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace bridle::confinement {
namespace {

using Words = std::vector<std::string>;

long number(const Words& words, size_t at) {
  return at < words.size() ? std::strtol(words[at].c_str(), nullptr, 0) : 0;
}
pid_t process(const Words& words) { return static_cast<pid_t>(number(words, 0)); }

// 0, or errno.
int answer(long result) { return result < 0 ? errno : 0; }

// ---- files

int open_as(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

int read_file(const Words& w) {
  const int fd = ::open(w[0].c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return errno;
  char byte;
  // A file of another process opens and then refuses to be read; nothing there yet is no refusal.
  const int error = answer(::read(fd, &byte, 1));
  ::close(fd);
  return error == EISDIR || error == EAGAIN ? 0 : error;
}

int write_file(const Words& w) { return open_as(w[0], O_WRONLY); }

int list_folder(const Words& w) { return open_as(w[0], O_RDONLY | O_DIRECTORY); }

int create_file(const Words& w) {
  const int error = open_as(w[0], O_WRONLY | O_CREAT | O_EXCL);
  if (error == 0) ::unlink(w[0].c_str());
  return error;
}

int walk(const Words& w) {
  const int fd = ::openat(static_cast<int>(number(w, 0)), w[1].c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

int map_as_code(const Words& w) {
  const int fd = ::open(w[0].c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0700);
  if (fd < 0) return errno;
  if (::ftruncate(fd, 4096) != 0) return errno;
  void* at = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
  const int error = at == MAP_FAILED ? errno : 0;
  ::close(fd);
  ::unlink(w[0].c_str());
  return error;
}

int write_far(const Words& w) {
  ::signal(SIGXFSZ, SIG_IGN);
  const bool memory = w[0] == "memory";
  const int fd = memory ? ::memfd_create("far", MFD_CLOEXEC)
                        : ::open(w[0].c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  const int error = answer(::pwrite(fd, "x", 1, number(w, 1)));
  ::close(fd);
  if (!memory) ::unlink(w[0].c_str());
  return error;
}

// ---- sockets

int connect_to(int family, const sockaddr* address, socklen_t size, int type) {
  const int fd = ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  const int error = answer(::connect(fd, address, size));
  ::close(fd);
  return error == EINPROGRESS || error == EAGAIN ? 0 : error;
}

int connect_unix(const Words& w) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t size = std::min(w[0].size(), sizeof address.sun_path - 1);
  std::memcpy(address.sun_path, w[0].data(), size);
  socklen_t length = sizeof address;
  if (address.sun_path[0] == '@') {
    address.sun_path[0] = '\0';
    length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  }
  int error = EPROTOTYPE;
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM})
    if (error == EPROTOTYPE)
      error = connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), length, type);
  return error;
}

int connect_tcp(const Words& w) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(number(w, 0)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect_to(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address,
                    SOCK_STREAM);
}

int make_socket(const Words& w) {
  const int fd = ::socket(static_cast<int>(number(w, 0)), static_cast<int>(number(w, 1)), 0);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

// ---- processes

int send_signal(const Words& w) { return process(w) > 1 ? answer(::kill(process(w), 0)) : EINVAL; }

int trace(const Words& w) {
  const pid_t pid = process(w);
  if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) return errno;
  ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  return 0;
}

int read_memory(const Words& w) {
  char byte;
  iovec local{&byte, 1}, remote{reinterpret_cast<void*>(0x400000), 1};
  const int error = answer(::process_vm_readv(process(w), &local, 1, &remote, 1, 0));
  return error == EFAULT ? 0 : error;  // it looked
}

int take_descriptor(const Words& w) {
  const long pidfd = ::syscall(SYS_pidfd_open, process(w), 0);
  if (pidfd < 0) return errno;
  const long fd = ::syscall(SYS_pidfd_getfd, pidfd, 0, 0);
  const int error = answer(fd);
  if (fd >= 0) ::close(static_cast<int>(fd));
  ::close(static_cast<int>(pidfd));
  return error;
}

// ---- kernel interfaces

// vfork's child shares this stack: it may do nothing but end.
int try_vfork() {
  const pid_t pid = ::vfork();
  if (pid == 0) ::_exit(0);
  const int error = answer(pid);
  if (pid > 0) ::waitpid(pid, nullptr, 0);
  return error;
}

int try_call(long call) {
  if (call == SYS_vfork) return try_vfork();
  const long result = ::syscall(call, -1L, -1L, -1L, -1L, -1L, -1L);
  const int error = answer(result);
  if (call == SYS_fork && result == 0) ::_exit(0);
  if (call == SYS_fork && result > 0) ::waitpid(static_cast<pid_t>(result), nullptr, 0);
  return error;
}

// Whatever the kernel itself answers, it was reached.
int reach(const Words& w) {
  const int error = try_call(number(w, 0));
  return error == number(w, 1) ? error : 0;
}

int clone_into(const Words& w) {
  const long pid = ::syscall(SYS_clone, number(w, 0) | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) ::_exit(0);
  const int error = answer(pid);
  if (pid > 0) ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
  return error;
}

int leave_namespaces(const Words& w) { return answer(::unshare(static_cast<int>(number(w, 0)))); }

int enter_namespace(const Words& w) {
  const int fd = ::open(w[0].c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = answer(::setns(fd, 0));
  ::close(fd);
  return error;
}

// A call the way 32-bit programs make it; the numbers are another table's.
int call_i386(const Words& w) {
  long result = number(w, 0);
  asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
  return result < 0 && result > -4096 ? static_cast<int>(-result) : 0;
}

// ---- rights

int set_user(const Words& w) {
  const auto id = static_cast<uid_t>(number(w, 0));
  return answer(::syscall(SYS_setresuid, id, id, id));
}
int set_group(const Words& w) {
  const auto id = static_cast<gid_t>(number(w, 0));
  return answer(::syscall(SYS_setresgid, id, id, id));
}

int take_capabilities(const Words&) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct all[2] = {{~0u, ~0u, 0}, {0x1ff, 0x1ff, 0}};
  all[0] = {1u << CAP_SYS_ADMIN, 1u << CAP_SYS_ADMIN, 0};
  all[1] = {};
  return answer(::syscall(SYS_capset, &header, all));
}

int mount_on(const Words& w) {
  return answer(::mount("probe", w[0].c_str(), "tmpfs", 0, "size=16k"));
}
int make_node(const Words& w) {
  const auto device =
      makedev(static_cast<unsigned>(number(w, 1)), static_cast<unsigned>(number(w, 2)));
  const int error = answer(::mknod(w[0].c_str(), S_IFCHR | 0600, device));
  if (error == 0) ::unlink(w[0].c_str());
  return error;
}
int change_root(const Words& w) { return answer(::chroot(w[0].c_str())); }
int set_host_name(const Words& w) { return answer(::sethostname(w[0].data(), w[0].size())); }
int is_root(const Words&) { return ::geteuid() == 0 ? 0 : EPERM; }

// ---- what is inherited or shared

int find_shared_memory(const Words& w) {
  const int id = ::shmget(static_cast<key_t>(number(w, 0)), 1, 0);
  return id < 0 ? errno : 0;
}
int find_variable(const Words& w) { return std::getenv(w[0].c_str()) != nullptr ? 0 : ENOENT; }
int read_descriptor(const Words& w) {
  char byte;
  return answer(::pread(static_cast<int>(number(w, 0)), &byte, 1, 0));
}

// ---- resources

int make_queue(const Words& w) {
  mq_attr attributes{};
  attributes.mq_maxmsg = 1;
  attributes.mq_msgsize = 16;
  const mqd_t queue = ::mq_open(w[0].c_str(), O_CREAT | O_RDWR, 0600, &attributes);
  if (queue < 0) return errno;
  ::mq_close(queue);
  ::mq_unlink(w[0].c_str());
  return 0;
}

int open_many(const Words& w) {
  std::vector<int> made;
  int error = 0;
  for (long i = 0; i < number(w, 0) && error == 0; ++i) {
    const int fd = ::dup(0);
    error = answer(fd);
    if (fd >= 0) made.push_back(fd);
  }
  for (const int fd : made) ::close(fd);
  return error;
}

int sleep_long(void*) {
  ::pause();
  return 0;
}

// Bare threads: they end with the process.
int make_threads(const Words& w) {
  constexpr size_t stack = 16384;
  constexpr int flags =
      CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
  for (long i = 0; i < number(w, 0); ++i) {
    char* memory = static_cast<char*>(
        ::mmap(nullptr, stack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (memory == MAP_FAILED) return errno;
    if (::clone(sleep_long, memory + stack, flags, nullptr) < 0) return errno;
  }
  return 0;
}

int make_processes(const Words& w) {
  std::vector<pid_t> made;
  int error = 0;
  for (long i = 0; i < number(w, 0) && error == 0; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(sleep_long(nullptr));
    error = answer(pid);
    if (pid > 0) made.push_back(pid);
  }
  for (const pid_t pid : made) ::kill(pid, SIGKILL);
  for (const pid_t pid : made) ::waitpid(pid, nullptr, 0);
  return error;
}

int take_memory(const Words& w) {
  const auto size = static_cast<size_t>(number(w, 0));
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return errno;
  for (size_t at = 0; at < size; at += 4096) static_cast<volatile char*>(memory)[at] = 1;
  ::munmap(memory, size);
  return 0;
}

int dump(const Words&) {
  ::signal(SIGABRT, SIG_DFL);
  std::abort();
}

int real_time(const Words&) {
  const sched_param lowest{.sched_priority = 1};
  return answer(::sched_setscheduler(0, SCHED_FIFO, &lowest));
}
int be_less_nice(const Words&) { return answer(::setpriority(PRIO_PROCESS, 0, -5)); }

int stay(const Words& w) {
  ::usleep(static_cast<useconds_t>(number(w, 0)) * 1000);
  return 0;
}

// Until whoever has the other end of this socket has ended.
int await_end(const Words& w) {
  pollfd socket{static_cast<int>(number(w, 0)), POLLIN, 0};
  char byte;
  while (::poll(&socket, 1, -1) == 1 && ::read(socket.fd, &byte, 1) > 0) {
  }
  return 0;
}

// "become:PATH|FD|PROBE|PROBE…": the new program answers for the rest.
int become(const Words& w) {
  Words parts;
  for (std::string rest = w[0]; !rest.empty();) {
    const size_t bar = rest.find('|');
    parts.push_back(rest.substr(0, bar));
    rest = bar == std::string::npos ? "" : rest.substr(bar + 1);
  }
  std::vector<char*> argv;
  for (std::string& part : parts) argv.push_back(part.data());
  argv.push_back(nullptr);
  ::execve(argv[0], argv.data(), argv.data() + parts.size());
  return errno;
}

struct Verb {
  std::string_view name;
  size_t arguments;
  int (*run)(const Words&);
};

constexpr Verb verbs[] = {
    {"read", 1, read_file},
    {"write", 1, write_file},
    {"list", 1, list_folder},
    {"create", 1, create_file},
    {"walk", 2, walk},
    {"mapexec", 1, map_as_code},
    {"far", 2, write_far},
    {"unix", 1, connect_unix},
    {"tcp", 1, connect_tcp},
    {"socket", 2, make_socket},
    {"signal", 1, send_signal},
    {"ptrace", 1, trace},
    {"memory-of", 1, read_memory},
    {"take-fd", 1, take_descriptor},
    {"reach", 2, reach},
    {"space", 1, clone_into},
    {"unshare", 1, leave_namespaces},
    {"setns", 1, enter_namespace},
    {"i386", 1, call_i386},
    {"setuid", 1, set_user},
    {"setgid", 1, set_group},
    {"capset", 0, take_capabilities},
    {"mount", 1, mount_on},
    {"mknod", 3, make_node},
    {"chroot", 1, change_root},
    {"hostname", 1, set_host_name},
    {"root-user", 0, is_root},
    {"shm", 1, find_shared_memory},
    {"queue", 1, make_queue},
    {"environment", 1, find_variable},
    {"descriptor", 1, read_descriptor},
    {"descriptors", 1, open_many},
    {"threads", 1, make_threads},
    {"processes", 1, make_processes},
    {"bytes", 1, take_memory},
    {"dump", 0, dump},
    {"fifo-class", 0, real_time},
    {"nice", 0, be_less_nice},
    {"wait", 1, stay},
    {"end-of", 1, await_end},
    {"become", 1, become},
};

// Splits at the first `count` - 1 colons: the last argument may hold some, unless another follows.
Words arguments_of(std::string_view text, size_t count) {
  Words words;
  for (; count > 1; --count) {
    const size_t colon = text.find(':');
    words.emplace_back(text.substr(0, colon));
    text = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  }
  words.emplace_back(text);
  return words;
}

}  // namespace

int probe(std::string_view word) {
  const size_t colon = word.find(':');
  if (colon == std::string_view::npos) return EINVAL;
  for (const Verb& verb : verbs)
    if (verb.name == word.substr(0, colon))
      return verb.run(arguments_of(word.substr(colon + 1), verb.arguments));
  return EINVAL;
}

std::string answer_text(int error) {
  if (error == 0) return "open";
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

}  // namespace bridle::confinement
