#include "daemon/loop.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

namespace bridle::daemon {
namespace asio = boost::asio;
namespace {

// Callbacks hold a weak reference: a handler that Asio had already queued when the handle was
// destroyed finds nothing to call.
class TimerHandle final : public Handle {
 public:
  TimerHandle(asio::io_context& context, Duration delay, bool repeat, std::function<void()> work)
      : state_(std::make_shared<State>(context, delay, repeat, std::move(work))) {
    arm(state_);
  }
  ~TimerHandle() override { state_->timer.cancel(); }

 private:
  struct State {
    State(asio::io_context& context, Duration d, bool r, std::function<void()> w)
        : timer(context), delay(d), repeat(r), work(std::move(w)) {}
    asio::steady_timer timer;
    Duration delay;
    bool repeat;
    std::function<void()> work;
  };

  static void arm(const std::shared_ptr<State>& state) {
    state->timer.expires_after(state->delay);
    state->timer.async_wait([weak = std::weak_ptr(state)](boost::system::error_code error) {
      const auto alive = weak.lock();
      if (error || !alive) return;
      alive->work();
      if (alive->repeat && !weak.expired()) arm(alive);
    });
  }

  std::shared_ptr<State> state_;
};

class WatchHandle final : public Handle {
 public:
  WatchHandle(asio::io_context& context, int fd, bool writable, std::function<void()> work)
      : state_(std::make_shared<State>(context, fd, writable, std::move(work))) {
    arm(state_);
  }
  ~WatchHandle() override {
    state_->active = false;
    state_->descriptor.release();  // cancels; the descriptor belongs to someone else
  }

 private:
  struct State {
    State(asio::io_context& context, int fd, bool w, std::function<void()> f)
        : descriptor(context, fd), writable(w), work(std::move(f)) {}
    asio::posix::stream_descriptor descriptor;
    bool writable;
    bool active = true;
    std::function<void()> work;
  };

  static void arm(const std::shared_ptr<State>& state) {
    const auto what = state->writable ? asio::posix::stream_descriptor::wait_write
                                      : asio::posix::stream_descriptor::wait_read;
    state->descriptor.async_wait(what, [weak = std::weak_ptr(state)](auto error) {
      const auto alive = weak.lock();
      if (error || !alive || !alive->active) return;
      alive->work();
      if (alive->active && !alive->writable) arm(alive);
    });
  }

  std::shared_ptr<State> state_;
};

class SignalHandle final : public Handle {
 public:
  SignalHandle(asio::io_context& context, std::initializer_list<int> signals,
               std::function<void(int)> work)
      : set_(context) {
    for (const int signal : signals) set_.add(signal);
    set_.async_wait([work = std::move(work)](boost::system::error_code error, int signal) {
      if (!error) work(signal);
    });
  }

 private:
  asio::signal_set set_;
};

}  // namespace

Loop::Loop() : context_(std::make_unique<asio::io_context>(1)) {}
Loop::~Loop() = default;

asio::io_context& Loop::context() { return *context_; }

void Loop::run() {
  const auto guard = asio::make_work_guard(*context_);
  context_->run();
}

void Loop::stop() { context_->stop(); }

void Loop::post(std::function<void()> work) { asio::post(*context_, std::move(work)); }

std::unique_ptr<Handle> Loop::after(Duration delay, std::function<void()> work) {
  return std::make_unique<TimerHandle>(*context_, delay, false, std::move(work));
}

std::unique_ptr<Handle> Loop::every(Duration period, std::function<void()> work) {
  return std::make_unique<TimerHandle>(*context_, period, true, std::move(work));
}

std::unique_ptr<Handle> Loop::on_readable(int fd, std::function<void()> work) {
  return std::make_unique<WatchHandle>(*context_, fd, false, std::move(work));
}

std::unique_ptr<Handle> Loop::on_writable(int fd, std::function<void()> work) {
  return std::make_unique<WatchHandle>(*context_, fd, true, std::move(work));
}

std::unique_ptr<Handle> Loop::on_signals(std::initializer_list<int> signals,
                                         std::function<void(int)> work) {
  return std::make_unique<SignalHandle>(*context_, signals, std::move(work));
}

}  // namespace bridle::daemon
