// bridle-switch: the switch of one trust zone. docs/switch-drivers.md.
#include <signal.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <string_view>

#include "base/log.h"
#include "switch/process/process.h"

namespace {

using namespace bridle;

constexpr char usage[] =
    "usage: bridle-switch --folder DIR [--control FD] [--jail FD] [--workers N] [--frames N]\n"
    "  --folder DIR   its own: state/config, and the sockets that it is not given\n"
    "  --control FD   listening unix stream socket; else DIR/control.sock\n"
    "  --jail FD      listening unix seqpacket socket; else DIR/jail.sock\n"
    "  --workers N    threads that forward (1 to 16); else what the kept configuration says, or 1\n"
    "  --frames N     of each worker, 2 KiB each; else 16384\n";

bool number(std::string_view text, unsigned least, unsigned most, unsigned& into) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), into);
  return failed == std::errc() && end == text.data() + text.size() && into >= least && into <= most;
}

bool read_option(std::string_view name, const char* value, net::ProcessOptions& options) {
  unsigned given = 0;
  if (name == "--folder") {
    options.folder = value;
    return true;
  }
  if (name == "--control" && number(value, 3, 1 << 20, given)) {
    options.control = Fd(static_cast<int>(given));
    return true;
  }
  if (name == "--jail" && number(value, 3, 1 << 20, given)) {
    options.jail = Fd(static_cast<int>(given));
    return true;
  }
  if (name == "--workers" && number(value, 1, 16, given)) {
    options.workers = given;
    return true;
  }
  if (name == "--frames" && number(value, 1024, 1 << 20, given)) {
    options.frames = given;
    return true;
  }
  return false;
}

// Ends are told by a descriptor (process.cc); no thread is interrupted by them.
void block_ends() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace

int main(int argc, char** argv) {
  log::set_up("bridle-switch");
  net::ProcessOptions options;
  options.workers = 0;
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::puts("bridle-switch " BRIDLE_VERSION);
    return 0;
  }
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc || !read_option(argv[i], argv[i + 1], options)) {
      std::fputs(usage, stderr);
      return 2;
    }
  }
  if (options.folder.empty()) {
    std::fputs(usage, stderr);
    return 2;
  }
  block_ends();
  auto process = net::Process::start(std::move(options));
  Status ended = process.ok() ? (*process)->run() : std::move(process).error();
  if (ended.ok()) return 0;
  log::error("the switch ends", {{"why", ended.error().message()}});
  return 1;
}
