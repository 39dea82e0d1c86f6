#include "switch/process/worker_thread.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <ctime>
#include <string>

#include "base/clock.h"
#include "switch/drivers/frame_pools.h"
#include "switch/drivers/hazards.h"

namespace bridle::net {
namespace {

constexpr Duration spin = std::chrono::microseconds(30);
// A descriptor that should have woken it and did not costs no more than this.
constexpr Duration longest_sleep = std::chrono::seconds(1);

}  // namespace

Status WorkerThread::start(size_t index) {
  wake_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return errno_error("a worker's eventfd");
  thread_ = std::thread([this, index] { run(index); });
  ready_.wait(false);
  return {};
}

WorkerThread::~WorkerThread() {
  if (!thread_.joinable()) return;
  stop_.store(true);
  let_go();
  nudge();
  thread_.join();
}

void WorkerThread::hold() {
  held_.store(true);
  while (in_turn_.load()) ::sched_yield();
}

void WorkerThread::let_go() {
  held_.store(false);
  held_.notify_all();
}

void WorkerThread::nudge() { ::eventfd_write(wake_.get(), 1); }

void WorkerThread::descriptors_changed() {
  renew_.store(true);
  nudge();
}

void WorkerThread::interrupt() { ::pthread_kill(thread_.native_handle(), interrupt_signal); }

uint64_t WorkerThread::busy_ns() const {
  clockid_t clock = 0;
  timespec used{};
  auto& thread = const_cast<std::thread&>(thread_);
  if (::pthread_getcpuclockid(thread.native_handle(), &clock) != 0) return 0;
  if (::clock_gettime(clock, &used) != 0) return 0;
  return static_cast<uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(used.tv_nsec);
}

// False: control holds it; try again.
bool WorkerThread::enter() {
  in_turn_.store(true);
  if (!held_.load()) return true;
  leave();
  held_.wait(true);
  return false;
}

bool WorkerThread::turn() {
  if (!enter()) return true;
  const bool busy = worker_.turn(SystemClock().now());
  turns_.fetch_add(1, std::memory_order_relaxed);
  leave();
  return busy;
}

void WorkerThread::run(size_t index) {
  const std::string name = "worker-" + std::to_string(index);
  ::pthread_setname_np(::pthread_self(), name.c_str());
  register_worker_thread();
  ready_.store(true);
  ready_.notify_all();
  Tick busy_at = SystemClock().now();
  while (!stop_.load(std::memory_order_relaxed)) {
    if (turn()) {
      busy_at = SystemClock().now();
    } else if (SystemClock().now() - busy_at > spin) {
      sleep();
      busy_at = SystemClock().now();
    }
  }
}

void WorkerThread::renew_epoll() {
  epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  watched_.clear();
  epoll_event event{.events = EPOLLIN, .data = {}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
}

// What is in the epoll is what is wanted.
void WorkerThread::watch(std::vector<int> wanted) {
  if (renew_.exchange(false) || !epoll_) renew_epoll();
  std::sort(wanted.begin(), wanted.end());
  if (wanted == watched_) return;
  // Edge-triggered: nothing has to be read to be forgotten, and what a guest signals with may block
  // a reader. What is there when a descriptor is added counts as an edge.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {}};
  for (const int fd : watched_)
    if (!std::binary_search(wanted.begin(), wanted.end(), fd))
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &event);
  for (const int fd : wanted)
    if (!std::binary_search(watched_.begin(), watched_.end(), fd))
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  watched_ = std::move(wanted);
}

void WorkerThread::wait(Duration longest) {
  const timespec timeout{longest.count() / 1'000'000'000, longest.count() % 1'000'000'000};
  epoll_event events[4];
  sleeps_.fetch_add(1, std::memory_order_relaxed);
  ::epoll_pwait2(epoll_.get(), events, 4, &timeout, nullptr);
  eventfd_t seen = 0;
  ::eventfd_read(wake_.get(), &seen);
}

void WorkerThread::sleep() {
  if (!enter()) return;
  std::vector<int> wanted;
  const bool something = worker_.arm(wanted);
  const auto wake_at = worker_.wake_at();
  if (!something) watch(std::move(wanted));
  leave();
  if (something) return;
  Duration left = longest_sleep;
  if (wake_at) left = std::clamp(*wake_at - SystemClock().now(), Duration(0), longest_sleep);
  if (!stop_.load()) wait(left);
  while (!enter()) {
  }
  worker_.disarm();
  leave();
}

}  // namespace bridle::net
