#include "switch/drivers/vhost_relay.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <ctime>

#include "switch/drivers/vhost_link.h"

namespace bridle::net {
namespace {

int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

constexpr uint64_t wake_key = 0;

}  // namespace

Result<std::unique_ptr<VhostRelay>> VhostRelay::start() {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC)), wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll || !wake) return errno_error("making the vhost-user relay");
  epoll_event event{.events = EPOLLIN, .data = {.u64 = wake_key}};
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, wake.get(), &event) != 0)
    return errno_error("making the vhost-user relay");
  return std::unique_ptr<VhostRelay>(new VhostRelay(std::move(epoll), std::move(wake)));
}

VhostRelay::VhostRelay(Fd epoll, Fd wake)
    : epoll_(std::move(epoll)), wake_(std::move(wake)), thread_([this] { run(); }) {}

VhostRelay::~VhostRelay() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

uint64_t VhostRelay::add(std::string guest_path, std::string own_path,
                         std::shared_ptr<VhostLinkFacts> facts) {
  const std::lock_guard lock(mutex_);
  const uint64_t id = next_++;
  links_.push_back(std::make_unique<VhostLink>(id, std::move(guest_path), std::move(own_path),
                                               std::move(facts)));
  ::eventfd_write(wake_.get(), 1);
  return id;
}

void VhostRelay::remove(uint64_t link) {
  const std::lock_guard lock(mutex_);
  std::erase_if(links_, [&](const auto& one) { return one->id() == link; });
}

void VhostRelay::reset(uint64_t link) {
  const std::lock_guard lock(mutex_);
  if (VhostLink* found = find(link); found != nullptr)
    found->punish("its memory or its eventfds were taken away", now_ms());
  ::eventfd_write(wake_.get(), 1);  // there is something to wait for again
}

VhostLink* VhostRelay::find(uint64_t link) const {
  const auto found = std::find_if(links_.begin(), links_.end(),
                                  [&](const auto& one) { return one->id() == link; });
  return found == links_.end() ? nullptr : found->get();
}

void VhostRelay::run() {
  epoll_event events[32];
  while (true) {
    int timeout = -1;
    {
      const std::lock_guard lock(mutex_);
      if (stop_) return;
      connect_due(now_ms());
      timeout = next_timeout(now_ms());
    }
    const int count = ::epoll_wait(epoll_.get(), events, std::size(events), timeout);
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < count; ++i) serve(events[i].data.u64, events[i].events);
  }
}

void VhostRelay::serve(uint64_t key, uint32_t events) {
  if (key == wake_key) {
    eventfd_t seen = 0;
    ::eventfd_read(wake_.get(), &seen);
    return;
  }
  VhostLink* link = find(key >> 1);
  if (link == nullptr || !link->connected() || events == 0) return;  // closed by what came before
  if ((key & 1) == VhostLink::guest)
    link->from_guest(now_ms());
  else
    link->from_own(now_ms());
}

void VhostRelay::connect_due(int64_t now) {
  for (const auto& link : links_)
    if (!link->connected() && link->due_ms() <= now) link->connect(epoll_.get(), now);
}

int VhostRelay::next_timeout(int64_t now) const {
  int64_t timeout = -1;
  for (const auto& link : links_) {
    if (link->connected()) continue;
    const int64_t left = std::max<int64_t>(link->due_ms() - now, 1);
    timeout = timeout < 0 ? left : std::min(timeout, left);
  }
  return static_cast<int>(timeout);
}

}  // namespace bridle::net
