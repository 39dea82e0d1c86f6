#include "jail/net_space.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/crash_point.h"
#include "base/file.h"
#include "jail/process.h"
#include "wire/socket.h"

namespace bridle::jail {
namespace {

constexpr const char* nft_path = "/usr/sbin/nft";
constexpr int patience_ms = 10'000;

struct Outcome {
  int32_t error = 0;  // 0 or Code + 1
  char message[252] = {};
};

// Ends `child`, whether it is done or not, and says how.
int finish(const Fd& child, bool in_time) {
  if (!in_time) signal_process(child.get(), SIGKILL);
  siginfo_t info{};
  ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(child.get()), &info, WEXITED);
  return in_time && info.si_code == CLD_EXITED ? info.si_status : -1;
}

bool is_space(const std::string& path) {
  struct statfs facts {};
  return ::statfs(path.c_str(), &facts) == 0 && facts.f_type == NSFS_MAGIC;
}

// A child holds the new namespace until it is mounted.
Status make_space(const std::string& path) {
  BRIDLE_TRY(wire::Pair pair, wire::socket_pair(SOCK_STREAM));
  Fd child;
  BRIDLE_TRY(const pid_t pid, fork_into(CLONE_NEWNET, child));
  if (pid == 0) {
    pair.first.reset();
    char nothing;
    [[maybe_unused]] const ssize_t n = ::read(pair.second.get(), &nothing, 1);
    ::_exit(0);
  }
  pair.second.reset();
  Status made;
  const auto place = open_file(path, O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  const std::string from = "/proc/" + std::to_string(pid) + "/ns/net";
  BRIDLE_CRASH_POINT("nat.mount");
  if (!place.ok() || ::mount(from.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0)
    made = errno_error("keeping a network namespace at " + path);
  pair.first.reset();
  finish(child, true);
  return made;
}

void tell(int socket, const Result<Fd>& result) {
  Outcome outcome;
  if (!result) {
    outcome.error = static_cast<int32_t>(result.error().code()) + 1;
    const std::string& text = result.error().message();
    std::memcpy(outcome.message, text.data(), std::min(text.size(), sizeof outcome.message - 1));
  }
  const int fd = result.ok() ? result->get() : -1;
  const std::span<const int> given(&fd, result.ok() && fd >= 0 ? 1 : 0);
  (void)wire::send_packet(socket, wire::bytes_of(outcome), given).ok();
}

[[noreturn]] void work_in(const Fd& space, const std::function<Result<Fd>()>& work, int socket) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  Result<Fd> result = Fd();
  if (::setns(space.get(), CLONE_NEWNET) != 0)
    result = errno_error("entering a network namespace");
  else
    result = work();
  tell(socket, result);
  ::_exit(0);
}

Result<Fd> hear(int socket) {
  pollfd poll{socket, POLLIN, 0};
  Outcome outcome;
  if (::poll(&poll, 1, patience_ms) != 1)
    return Error(Code::internal, "setting up a network took longer than 10 s");
  BRIDLE_TRY(auto packet, wire::receive_packet(socket, wire::writable_bytes_of(outcome)));
  if (packet.size != sizeof outcome)
    return Error(Code::internal, "setting up a network was interrupted");
  outcome.message[sizeof outcome.message - 1] = '\0';
  if (outcome.error != 0) return Error(static_cast<Code>(outcome.error - 1), outcome.message);
  return packet.descriptors.empty() ? Fd() : std::move(packet.descriptors[0]);
}

[[noreturn]] void become_nft(int rules, int words) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  reset_signals();
  const Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (::dup2(rules, 0) < 0 || ::dup2(null.get(), 1) < 0 || ::dup2(words, 2) < 0) ::_exit(126);
  if (!place_descriptors({}).ok()) ::_exit(126);
  const char* const arguments[] = {nft_path, "-f", "-", nullptr};
  const char* const environment[] = {"PATH=/usr/sbin:/usr/bin", "LC_ALL=C", nullptr};
  BRIDLE_CRASH_POINT("nat.nft");
  ::execve(nft_path, const_cast<char* const*>(arguments), const_cast<char* const*>(environment));
  ::_exit(127);
}

// The first line of what it said.
std::string words_of(int memfd) {
  char text[200];
  const ssize_t size = ::pread(memfd, text, sizeof text, 0);
  const std::string_view said(text, size > 0 ? static_cast<size_t>(size) : 0);
  return printable(said.substr(0, said.find('\n')), sizeof text);
}

}  // namespace

Result<Fd> open_space(const std::string& path) {
  if (!is_space(path)) BRIDLE_CHECK(make_space(path));
  return open_file(path, O_RDONLY);
}

Status remove_space(const std::string& path) {
  while (is_space(path)) {
    BRIDLE_CRASH_POINT("nat.unmount");
    if (::umount2(path.c_str(), MNT_DETACH) != 0) return errno_error("unmounting " + path);
  }
  return remove_file(path);
}

Result<Fd> in_space(const Fd& space, const std::function<Result<Fd>()>& work) {
  BRIDLE_TRY(wire::Pair pair, wire::socket_pair(SOCK_SEQPACKET));
  Fd child;
  BRIDLE_TRY(const pid_t pid, fork_into(0, child));
  if (pid == 0) work_in(space, work, pair.second.get());
  pair.second.reset();
  auto result = hear(pair.first.get());
  finish(child, result.ok() || has_ended(child.get()));
  return result;
}

Status run_nft(const std::string& rules) {
  if (::access(nft_path, X_OK) != 0)
    return Error(Code::unreachable, std::string("there is no ") + nft_path +
                                        ", which masquerading needs: apt-get install nftables");
  BRIDLE_TRY(const Fd text, sealed_memfd("rules", rules));
  const Fd words(::memfd_create("words", MFD_CLOEXEC));
  if (!words) return errno_error("memfd_create");
  Fd child;
  BRIDLE_TRY(const pid_t pid, fork_into(0, child));
  if (pid == 0) become_nft(text.get(), words.get());
  pollfd poll{child.get(), POLLIN, 0};
  const int status = finish(child, ::poll(&poll, 1, patience_ms) == 1);
  if (status == 0) return {};
  return Error(Code::internal, "the host's packet rules were refused: " + words_of(words.get()));
}

Result<std::string> get_net(const std::string& name) {
  BRIDLE_TRY(std::string text, read_file("/proc/sys/net/" + name, 256));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Status set_net(const std::string& name, const std::string& value) {
  if (const auto now = get_net(name); now && *now == value) return {};
  BRIDLE_TRY(const Fd fd, open_file("/proc/sys/net/" + name, O_WRONLY));
  return write_all(fd.get(), value).context(name);
}

}  // namespace bridle::jail
