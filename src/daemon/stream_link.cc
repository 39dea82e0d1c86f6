#include "daemon/stream_link.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

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

void StreamLink::send(std::string_view bytes, Fd beside) {
  if (!is_up()) return;
  if (unsent_.size() + bytes.size() > most_unsent) return lost();
  unsent_ += bytes;
  if (beside) beside_.push_back(std::move(beside));
  write_some();
}

// What is unsent, and the first descriptor that waits. A descriptor needs bytes of its own to
// travel with: while several wait, one byte goes with each.
ssize_t StreamLink::write_once() {
  if (beside_.empty()) {
    BRIDLE_CRASH_POINT("stream.send");
    return ::send(fd_.get(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  iovec bytes{unsent_.data(), beside_.size() > 1 ? 1 : unsent_.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int number = beside_.front().get();
  std::memcpy(CMSG_DATA(header), &number, sizeof number);
  // No crash point: only a viewer's connection travels so, and it ends with this process.
  const ssize_t n = ::sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n > 0) beside_.erase(beside_.begin());
  return n;
}

void StreamLink::write_some() {
  writable_.reset();
  while (!unsent_.empty()) {
    const ssize_t n = write_once();
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      writable_ = loop_.on_writable(fd_.get(), [this] { write_some(); });
      return;
    }
    // A broken connection is seen by the reader, which tells the owner at a moment of its own.
    if (n < 0) return drop_unsent();
    unsent_.erase(0, static_cast<size_t>(n));
  }
}

void StreamLink::drop_unsent() {
  unsent_.clear();
  beside_.clear();
}

void StreamLink::close() {
  if (is_up()) lost();
}

void StreamLink::lost() {
  readable_.reset();
  writable_.reset();
  fd_.reset();
  drop_unsent();
  callbacks_.down();
  tries_ = quick_tries;  // it was there: whoever closes at once is not asked 200 times a second
  if (retry_mode_ == Retry::yes) schedule_retry();
}

}  // namespace bridle::daemon
