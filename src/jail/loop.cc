#include "jail/loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>

namespace bridle::jail {

Result<Loop> Loop::create() {
  Loop loop;
  loop.epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!loop.epoll_) return errno_error("epoll_create1");
  return loop;
}

Status Loop::watch(int fd, uint32_t events, OnReady on_ready) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return errno_error("watching a descriptor");
  watches_[fd] = std::make_shared<OnReady>(std::move(on_ready));
  return {};
}

Status Loop::change(int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) != 0)
    return errno_error("changing a watch");
  return {};
}

void Loop::forget(int fd) {
  if (watches_.erase(fd) != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

uint64_t Loop::after(Duration delay, std::function<void()> on_time) {
  const uint64_t token = next_timer_++;
  timers_[token] = {clock_.now() + delay, std::move(on_time)};
  return token;
}

void Loop::cancel(uint64_t token) { timers_.erase(token); }

int Loop::timeout_ms() {
  if (timers_.empty()) return -1;
  Tick first = timers_.begin()->second.when;
  for (const auto& [token, timer] : timers_) first = std::min(first, timer.when);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(first - clock_.now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
}

void Loop::fire_timers() {
  const Tick now = clock_.now();
  std::vector<uint64_t> due;
  for (const auto& [token, timer] : timers_)
    if (timer.when <= now) due.push_back(token);
  for (const uint64_t token : due) {
    const auto found = timers_.find(token);  // an earlier callback may have cancelled it
    if (found == timers_.end()) continue;
    const auto on_time = std::move(found->second.on_time);
    timers_.erase(found);
    on_time();
  }
}

Status Loop::run() {
  while (!stopped_) {
    epoll_event events[32];
    const int n = ::epoll_wait(epoll_.get(), events, 32, timeout_ms());
    if (n < 0 && errno != EINTR) return errno_error("epoll_wait");
    for (int i = 0; i < n && !stopped_; ++i) {
      const auto found = watches_.find(events[i].data.fd);
      if (found == watches_.end()) continue;
      const auto on_ready = found->second;  // outlives its own removal
      (*on_ready)(events[i].events);
    }
    if (!stopped_) fire_timers();
  }
  return {};
}

}  // namespace bridle::jail
