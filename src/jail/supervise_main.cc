// bridle-supervise --root ROOT                  prepares the root, keeps bridle-jail and bridled
//                                               running until SIGTERM; guests run on
// bridle-supervise --root ROOT --prepare-only   makes folders with their owners, and ends
// Exit codes: 0 done, 1 failed, 2 wrong use, 5 another supervisor serves this root.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>

#include "base/file.h"
#include "base/log.h"
#include "jail/options.h"
#include "jail/prepare.h"
#include "jail/process.h"
#include "jail/supervise.h"

namespace bridle::jail {
namespace {

constexpr const char* help =
    "bridle-supervise --root ROOT [--prepare-only]\n"
    "\n"
    "Keeps bridle-jail and bridled of one root running where no systemd does: prepares the root,\n"
    "starts both, starts again what dies. SIGTERM ends them; guests run on.\n"
    "\n"
    "  --root ROOT     where everything of this instance lives [/var/lib/bridle]\n"
    "  --prepare-only  make the root's folders with their owners, and end\n"
    "  --help          print this\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 wrong use, 5 another supervisor serves this root.\n";

Status supervise(const Layout& layout) {
  BRIDLE_TRY(const Fd lock, lock_file(layout.run() + "/supervise.lock", 0));
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT}) ::sigaddset(&set, number);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return errno_error("sigprocmask");
  const Fd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return errno_error("signalfd");
  BRIDLE_CHECK(write_pid_file(layout, "supervise", ::getpid()));
  BRIDLE_TRY(const std::string folder, own_folder());
  BRIDLE_TRY(Loop loop, Loop::create());
  BRIDLE_CHECK(loop.watch(signals.get(), EPOLLIN, [&](uint32_t) { loop.stop(); }));
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
  return supervise(layout);
}

}  // namespace
}  // namespace bridle::jail

int main(int argc, char** argv) {
  using namespace bridle;
  log::set_up("bridle-supervise");
  const auto options = jail::parse_options(argc, argv, {"--prepare-only", "--help"});
  if (!options) {
    std::fprintf(stderr,
                 "bridle-supervise: %s\nusage: bridle-supervise --root ROOT [--prepare-only]\n",
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
