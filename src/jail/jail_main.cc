// bridle-jail --root ROOT            serves bridled until SIGTERM; guests run on
// bridle-jail --root ROOT --purge    ends all guests of this root and leaves nothing
// bridle-jail --root ROOT --cgroup   prints the name of this root's cgroups
// Exit codes: 0 done, 1 failed, 2 wrong use.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>

#include "base/log.h"
#include "jail/jail.h"
#include "jail/options.h"
#include "jail/prepare.h"
#include "jail/process.h"

namespace bridle::jail {
namespace {

constexpr const char* help =
    "bridle-jail --root ROOT [--purge | --cgroup]\n"
    "\n"
    "The privileged helper of one Bridle host: makes the confined processes of guests for bridled\n"
    "and serves nobody else. Guests run on when it ends; the next one adopts them.\n"
    "\n"
    "  --root ROOT  where everything of this instance lives [/var/lib/bridle]\n"
    "  --purge      end all guests of this root and leave nothing of them; not while a jail "
    "serves\n"
    "  --cgroup     print the name of this root's cgroups\n"
    "  --help       print this\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 wrong use.\n";

Result<Fd> signals_as_descriptor() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGCHLD}) ::sigaddset(&set, number);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return errno_error("sigprocmask");
  ::signal(SIGPIPE, SIG_IGN);
  Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return errno_error("signalfd");
  return fd;
}

// Two pidfds a guest, and the descriptors of starts in flight.
void raise_limits() {
  raise_open_files(65536);
  prefer_survival(-900);
}

// Helpers end with their jail (PR_SET_PDEATHSIG); one that was just being forked may be left.
void end_stray_helpers(Cgroups& cgroups) {
  for (const pid_t pid : cgroups.members("helpers")) ::kill(pid, SIGKILL);
}

Status serve(const Layout& layout) {
  BRIDLE_TRY(const Fd lock, lock_file(layout.run() + "/jail.lock", 5));
  raise_limits();
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return errno_error("PR_SET_CHILD_SUBREAPER");
  BRIDLE_TRY(const Fd signals, signals_as_descriptor());
  BRIDLE_TRY(const std::string folder, own_folder());
  SystemCgroupFs fs;
  BRIDLE_TRY(const auto cgroups, open_cgroups(fs, layout.cgroup()));
  end_stray_helpers(*cgroups);
  BRIDLE_TRY(Loop loop, Loop::create());
  Jail jail(loop, layout, *cgroups, folder);
  BRIDLE_CHECK(loop.watch(signals.get(), EPOLLIN, [&](uint32_t) {
    signalfd_siginfo info{};
    if (::read(signals.get(), &info, sizeof info) != sizeof info) return;
    if (info.ssi_signo != SIGCHLD) return loop.stop();
    jail.child_ended();
  }));
  BRIDLE_CHECK(jail.open());
  BRIDLE_CHECK(write_pid_file(layout, "jail", "jail", ::getpid()));
  log::info("ready", {{"root", layout.root()}, {"version", BRIDLE_VERSION}});
  return loop.run();
}

Status run(const Options& options) {
  BRIDLE_TRY(const Layout layout, Layout::of(options.root));
  if (options.flags.contains("--purge")) return purge(layout);
  if (options.flags.contains("--cgroup")) {
    std::puts(layout.cgroup().c_str());
    return {};
  }
  BRIDLE_CHECK(prepare_root(layout));
  return serve(layout);
}

}  // namespace
}  // namespace bridle::jail

int main(int argc, char** argv) {
  using namespace bridle;
  log::set_up("bridle-jail");
  const auto options = jail::parse_options(argc, argv, {"--purge", "--cgroup", "--help"});
  if (!options) {
    std::fprintf(stderr, "bridle-jail: %s\nusage: bridle-jail --root ROOT [--purge | --cgroup]\n",
                 options.error().message().c_str());
    return 2;
  }
  if (options->flags.contains("--help")) {
    std::fputs(jail::help, stdout);
    return 0;
  }
  const Status status = jail::run(*options);
  if (!status.ok()) log::error("failed", {{"error", status.error().message()}});
  return status.ok() ? 0 : 1;
}
