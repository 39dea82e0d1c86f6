#include "daemon/stream_link.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "base/crash_point.h"
#include "wire/socket.h"

namespace bridle::daemon {
namespace {

constexpr size_t most_unsent = 1 << 20;
constexpr unsigned quick_tries = 200;
constexpr auto quick = std::chrono::milliseconds(5);
constexpr auto slow = std::chrono::milliseconds(250);

}  // namespace

StreamLink::StreamLink(Loop& loop, std::string path, Retry retry, Callbacks callbacks)
    : loop_(loop), path_(std::move(path)), retry_mode_(retry), callbacks_(std::move(callbacks)) {
  retry_ = loop_.after(Duration(0), [this] { try_connect(); });
}

void StreamLink::try_connect() {
  retry_.reset();
  auto fd = wire::connect_unix(path_, SOCK_STREAM | SOCK_NONBLOCK);
  if (!fd.ok()) return failed();
  fd_ = *std::move(fd);
  tries_ = 0;
  readable_ = loop_.on_readable(fd_.get(), [this] { read_some(); });
  callbacks_.up();
}

void StreamLink::failed() {
  if (retry_mode_ == Retry::no) return callbacks_.down();
  schedule_retry();
}

void StreamLink::schedule_retry() {
  ++tries_;
  retry_ = loop_.after(tries_ < quick_tries ? quick : slow, [this] { try_connect(); });
}

void StreamLink::read_some() {
  std::array<char, 16384> chunk;
  const ssize_t n = ::recv(fd_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return lost();
  callbacks_.bytes({chunk.data(), static_cast<size_t>(n)});
}

void StreamLink::send(std::string_view bytes) {
  if (!is_up()) return;
  if (unsent_.size() + bytes.size() > most_unsent) return lost();
  unsent_ += bytes;
  write_some();
}

void StreamLink::write_some() {
  writable_.reset();
  while (!unsent_.empty()) {
    BRIDLE_CRASH_POINT("stream.send");
    const ssize_t n =
        ::send(fd_.get(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      writable_ = loop_.on_writable(fd_.get(), [this] { write_some(); });
      return;
    }
    // A broken connection is seen by the reader, which tells the owner at a moment of its own.
    if (n < 0) return unsent_.clear();
    unsent_.erase(0, static_cast<size_t>(n));
  }
}

void StreamLink::close() {
  if (is_up()) lost();
}

void StreamLink::lost() {
  readable_.reset();
  writable_.reset();
  fd_.reset();
  unsent_.clear();
  callbacks_.down();
  tries_ = quick_tries;  // it was there: whoever closes at once is not asked 200 times a second
  if (retry_mode_ == Retry::yes) schedule_retry();
}

}  // namespace bridle::daemon
