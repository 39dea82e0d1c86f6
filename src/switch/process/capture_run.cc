#include "switch/process/capture_run.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace bridle::net {
namespace {

constexpr size_t most_backlog = 4 << 20;

}  // namespace

CaptureRun::CaptureRun(const CaptureWish& wish, Fd into, std::shared_ptr<CaptureTap> tap,
                       Pcapng format)
    : wish_(wish),
      into_(std::move(into)),
      tap_(std::move(tap)),
      format_(std::move(format)),
      backlog_(format_.header()) {
  const int flags = ::fcntl(into_.get(), F_GETFL);
  if (flags >= 0) ::fcntl(into_.get(), F_SETFL, flags | O_NONBLOCK);
}

// False: nobody reads any more.
bool CaptureRun::flush() {
  while (!backlog_.empty()) {
    const ssize_t written = ::write(into_.get(), backlog_.data(), backlog_.size());
    if (written < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (written <= 0) return false;
    bytes_ += static_cast<uint64_t>(written);
    backlog_.erase(0, static_cast<size_t>(written));
  }
  return true;
}

bool CaptureRun::step(Tick now) {
  if (!ends_) ends_ = now + std::chrono::seconds(wish_.seconds);
  tap_->drain([&](const CapturedFrame& frame) {
    if (frames_ >= wish_.frames || bytes_ + backlog_.size() >= wish_.bytes) return;
    if (backlog_.size() > most_backlog) {
      ++missed_;
      return;
    }
    backlog_ += format_.block(frame);
    ++frames_;
  });
  const bool read = flush();
  const bool full = frames_ >= wish_.frames || bytes_ + backlog_.size() >= wish_.bytes;
  return !read || now >= *ends_ || (full && backlog_.empty());
}

json::object CaptureRun::outcome() const {
  return {{"frames", frames_}, {"bytes", bytes_}, {"missed", missed_ + tap_->missed()}};
}

}  // namespace bridle::net
