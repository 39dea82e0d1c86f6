// bridle-supervise --root ROOT                  prepares the root, keeps bridle-jail and bridled
//                                               running until SIGTERM; guests run on
// bridle-supervise --root ROOT --stop-guests    the same; SIGTERM first stops all guests in their
//                                               order (bridle host shutdown); a second one does not
//                                               wait for them
// bridle-supervise --root ROOT --prepare-only   makes folders with their owners, and ends
// Exit codes: 0 done, 1 failed, 2 wrong use, 5 another supervisor serves this root.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>

#include "base/crash_point.h"
#include "base/file.h"
#include "base/log.h"
#include "jail/options.h"
#include "jail/prepare.h"
#include "jail/process.h"
#include "jail/supervise.h"

namespace bridle::jail {
namespace {

constexpr const char* help =
    "bridle-supervise --root ROOT [--prepare-only | --stop-guests]\n"
    "\n"
    "Keeps bridle-jail and bridled of one root running where no systemd does: prepares the root,\n"
    "starts both, starts again what dies. SIGTERM ends them; guests run on (but see "
    "--stop-guests).\n"
    "\n"
    "  --root ROOT     where everything of this instance lives [/var/lib/bridle]\n"
    "  --prepare-only  make the root's folders with their owners, and end\n"
    "  --stop-guests   stop the guests in order (bridle host shutdown) before ending\n"
    "  --help          print this\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 wrong use, 5 another supervisor serves this root.\n";

// What SIGTERM does first with --stop-guests: `bridle host shutdown`, while jail and bridled go on.
class GuestStop {
 public:
  GuestStop(Loop& loop, std::string folder, std::string root)
      : loop_(loop), program_(std::move(folder) + "/bridle"), root_(std::move(root)) {}

  // The loop stops when it is done, or at once when it cannot be done.
  void begin() {
    if (pidfd_) return loop_.stop();  // asked twice
    log::info("stopping the guests");
    const auto pid = fork_into(0, pidfd_);
    if (pid.ok() && *pid == 0) become();
    const bool watched = pid.ok() && loop_
                                         .watch(pidfd_.get(), EPOLLIN,
                                                [this](uint32_t) {
                                                  loop_.forget(pidfd_.get());
                                                  loop_.stop();
                                                })
                                         .ok();
    if (!watched) loop_.stop();
  }

 private:
  [[noreturn]] void become() {
    reset_signals();
    const char* const argv[] = {program_.c_str(), "--root",   root_.c_str(),
                                "host",           "shutdown", nullptr};
    BRIDLE_CRASH_POINT("supervise.stop_guests");
    ::execv(program_.c_str(), const_cast<char* const*>(argv));
    ::_exit(127);
  }

  Loop& loop_;
  const std::string program_, root_;
  Fd pidfd_;
};

Status supervise(const Layout& layout, bool stop_guests) {
  BRIDLE_TRY(const Fd lock, lock_file(layout.run() + "/supervise.lock", 0));
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT}) ::sigaddset(&set, number);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return errno_error("sigprocmask");
  const Fd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return errno_error("signalfd");
  BRIDLE_CHECK(write_pid_file(layout, "supervise", "supervise", ::getpid()));
  BRIDLE_TRY(const std::string folder, own_folder());
  BRIDLE_TRY(Loop loop, Loop::create());
  GuestStop guests(loop, folder, layout.root());
  BRIDLE_CHECK(loop.watch(signals.get(), EPOLLIN, [&](uint32_t) {
    signalfd_siginfo signal;
    while (::read(signals.get(), &signal, sizeof signal) == sizeof signal)
      stop_guests ? guests.begin() : loop.stop();
  }));
  Supervisor supervisor(loop, layout, folder);
  BRIDLE_CHECK(supervisor.start_all());
  BRIDLE_CHECK(loop.run());
  supervisor.stop_all();
  for (const char* name : {"/jail.pid", "/bridled.pid", "/supervise.pid"})
    BRIDLE_CHECK(remove_file(layout.run() + name));
  return {};
}

Status run(const Options& options) {
  BRIDLE_TRY(const Layout layout, Layout::of(options.root));
  BRIDLE_CHECK(prepare_root(layout));
  if (options.flags.contains("--prepare-only")) return {};
  return supervise(layout, options.flags.contains("--stop-guests"));
}

}  // namespace
}  // namespace bridle::jail

int main(int argc, char** argv) {
  using namespace bridle;
  log::set_up("bridle-supervise");
  const auto options =
      jail::parse_options(argc, argv, {"--prepare-only", "--stop-guests", "--help"});
  if (!options) {
    std::fprintf(stderr,
                 "bridle-supervise: %s\nusage: bridle-supervise --root ROOT [--prepare-only | "
                 "--stop-guests]\n",
                 options.error().message().c_str());
    return 2;
  }
  if (options->flags.contains("--help")) {
    std::fputs(jail::help, stdout);
    return 0;
  }
  const Status status = jail::run(*options);
  if (status.ok()) return 0;
  log::error("failed", {{"error", status.error().message()}});
  return status.error().code() == Code::conflict ? 5 : 1;
}
