// Loop: the daemon's one event loop, as the rest of the rim sees it. A thin face of Asio's
// io_context (which the HTTP server uses directly), so that only loop.cc compiles Asio.
//
// Thread class: one thread calls run(); everything else is called on that thread, except post().
#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"

namespace boost::asio {
class io_context;
}

namespace bridle::daemon {

// A running watch or timer. Destroying it cancels; the callback will not be called afterwards.
class Handle {
 public:
  virtual ~Handle() = default;
};

class Loop {
 public:
  Loop();
  ~Loop();
  boost::asio::io_context& context();

  void run();  // until stop()
  void stop();

  // Soon, on the loop's thread. Any thread.
  void post(std::function<void()> work);
  // Once, after the delay.
  std::unique_ptr<Handle> after(Duration delay, std::function<void()> work);
  // Again and again, first after one period.
  std::unique_ptr<Handle> every(Duration period, std::function<void()> work);
  // Each time fd (non-blocking, not owned, must outlive the handle) can be read; an end of file or
  // an error counts as readable. The callback may destroy the handle.
  std::unique_ptr<Handle> on_readable(int fd, std::function<void()> work);
  // Once, when fd can be written.
  std::unique_ptr<Handle> on_writable(int fd, std::function<void()> work);
  // Once, on one of these signals.
  std::unique_ptr<Handle> on_signals(std::initializer_list<int> signals,
                                     std::function<void(int)> work);

 private:
  std::unique_ptr<boost::asio::io_context> context_;
};

}  // namespace bridle::daemon
