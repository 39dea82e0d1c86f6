#include "cli/console.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"

namespace bridle::cli {
namespace {

constexpr Duration forever = std::chrono::milliseconds(250);  // interrupts are looked at this often

Status send_bytes(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("sending to the console");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

// Returns true when the detach key was among the bytes; what was typed before it is sent.
Result<bool> forward_input(int fd, std::string_view bytes, bool raw) {
  const size_t key = raw ? bytes.find(detach_key) : std::string_view::npos;
  BRIDLE_CHECK(send_bytes(fd, bytes.substr(0, std::min(key, bytes.size()))));
  return key != std::string_view::npos;
}

}  // namespace

Result<PumpEnd> pump(const RawStream& stream, const PumpOptions& options, bool& input_open) {
  BRIDLE_CHECK(write_all(options.out, stream.first));
  SystemClock clock;
  Tick last_output = clock.now();
  char chunk[16384];
  while (true) {
    pollfd waits[2] = {{stream.fd.get(), POLLIN, 0}, {input_open ? options.in : -1, POLLIN, 0}};
    const Duration wait = input_open ? forever : std::min(forever, options.linger);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
    const int n = ::poll(waits, 2, static_cast<int>(ms));
    if (n < 0 && errno != EINTR) return errno_error("waiting for the console");
    if (options.interrupted && options.interrupted()) return PumpEnd::detached;
    if (n > 0 && waits[0].revents != 0) {
      const ssize_t got = ::recv(stream.fd.get(), chunk, sizeof chunk, 0);
      if (got < 0 && errno != EINTR && errno != EAGAIN) return PumpEnd::closed;
      if (got == 0) return PumpEnd::closed;
      if (got > 0) BRIDLE_CHECK(write_all(options.out, {chunk, static_cast<size_t>(got)}));
      last_output = clock.now();
    }
    if (n > 0 && waits[1].revents != 0) {
      const ssize_t got = ::read(options.in, chunk, sizeof chunk);
      if (got <= 0 && !(got < 0 && errno == EINTR)) input_open = false;
      if (got <= 0) continue;
      auto typed = forward_input(stream.fd.get(), {chunk, static_cast<size_t>(got)}, options.raw);
      if (!typed.ok()) return PumpEnd::closed;
      if (*typed) return PumpEnd::detached;
      last_output = clock.now();
    }
    if (!input_open && clock.now() - last_output >= options.linger) return PumpEnd::input_ended;
  }
}

}  // namespace bridle::cli
