#include "cli/terminal.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace bridle::cli {
namespace {

// For the signal handlers: what to restore. Signal handlers have no other way to reach it.
termios saved;
volatile sig_atomic_t is_raw = 0;
volatile sig_atomic_t interrupted = 0;

constexpr std::array fatal{SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS};

void restore_and_die(int signal_number) {
  if (is_raw != 0) ::tcsetattr(STDIN_FILENO, TCSANOW, &saved);
  ::signal(signal_number, SIG_DFL);
  ::raise(signal_number);
}

void note_interrupt(int) { interrupted = 1; }

void set_handler(int signal_number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(signal_number, &action, nullptr);  // no SA_RESTART: poll(2) shall return
}

}  // namespace

Terminal Terminal::look() {
  Terminal terminal;
  terminal.in = ::isatty(STDIN_FILENO) == 1;
  terminal.out = ::isatty(STDOUT_FILENO) == 1;
  terminal.err = ::isatty(STDERR_FILENO) == 1;
  terminal.measure();
  return terminal;
}

void Terminal::measure() {
  winsize size{};
  if (!out || ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return;
  width = size.ws_col == 0 ? 80 : size.ws_col;
  height = size.ws_row == 0 ? 24 : size.ws_row;
}

Result<RawMode> RawMode::enter() {
  termios before{};
  if (::tcgetattr(STDIN_FILENO, &before) != 0) return errno_error("reading the terminal's mode");
  saved = before;
  is_raw = 1;
  for (const int number : fatal) set_handler(number, restore_and_die);
  termios raw = before;
  ::cfmakeraw(&raw);
  if (::tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) return errno_error("setting raw mode");
  return RawMode(before);
}

RawMode::RawMode(RawMode&& other) noexcept : before_(std::exchange(other.before_, std::nullopt)) {}

RawMode::~RawMode() {
  if (!before_) return;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &*before_);
  is_raw = 0;
  for (const int number : fatal) set_handler(number, SIG_DFL);
}

Interrupts::Interrupts() {
  interrupted = 0;
  set_handler(SIGINT, note_interrupt);
  set_handler(SIGTERM, note_interrupt);
}

Interrupts::~Interrupts() {
  set_handler(SIGINT, SIG_DFL);
  set_handler(SIGTERM, SIG_DFL);
}

bool Interrupts::take() {
  const bool was = interrupted != 0;
  interrupted = 0;
  return was;
}

}  // namespace bridle::cli
