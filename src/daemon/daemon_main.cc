// bridled: the daemon of one host. Started by bridle-supervise or systemd, never as root.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>

#include "base/log.h"
#include "daemon/daemon.h"

namespace {

constexpr const char* help =
    "bridled --root DIR\n"
    "\n"
    "The daemon of one Bridle host. It runs without privileges, under the uid that the root's\n"
    "layout gives it; bridle-supervise (or systemd) starts it together with bridle-jail:\n"
    "\n"
    "  bridle-supervise --root /var/lib/bridle\n"
    "\n"
    "  --root DIR   where everything of this instance lives (at most 44 characters)\n"
    "  --debug      log more\n"
    "  --version    print the version\n";

struct Arguments {
  std::string root;
  bool debug = false;
  int exit_status = -1;  // not negative: exit at once
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--root" && i + 1 < argc) {
      arguments.root = argv[++i];
    } else if (word == "--debug") {
      arguments.debug = true;
    } else if (word == "--version") {
      std::puts("bridled " BRIDLE_VERSION);
      arguments.exit_status = 0;
    } else if (word == "--help" || word == "-h") {
      std::fputs(help, stdout);
      arguments.exit_status = 0;
    } else {
      std::fprintf(stderr, "bridled: \"%s\" is no option; see bridled --help\n", argv[i]);
      arguments.exit_status = 2;
    }
  }
  if (arguments.exit_status < 0 && arguments.root.empty()) {
    std::fputs("bridled: --root DIR is missing; see bridled --help\n", stderr);
    arguments.exit_status = 2;
  }
  return arguments;
}

// Each client is a descriptor; the soft limit is for programs that use select().
void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace bridle;
  const Arguments arguments = parse(argc, argv);
  if (arguments.exit_status >= 0) return arguments.exit_status;
  log::set_up("bridled", arguments.debug ? log::Level::debug : log::Level::info);
  if (::geteuid() == 0) {
    log::error("bridled does not run as root: start bridle-supervise, which gives it its own uid");
    return 2;
  }
  allow_many_descriptors();
  daemon::DaemonOptions options;
  options.root = arguments.root;
  auto opened = daemon::Daemon::open(options);
  if (!opened.ok()) {
    log::error("cannot start", {{"why", opened.error().message()}});
    return 1;
  }
  if (const Status ended = (*opened)->run(); !ended.ok()) {
    log::error("ended", {{"why", ended.error().message()}});
    return 1;
  }
  return 0;
}
