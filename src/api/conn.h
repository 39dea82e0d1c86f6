// Conn: one connection's bytes, non-blocking. The session talks to this; behind it is a unix socket
// today, TCP with TLS tomorrow, a script in tests.
//
// Thread class: the loop's thread.
#pragma once

#include <functional>
#include <span>
#include <string_view>

namespace bridle::api {

class Conn {
 public:
  virtual ~Conn() = default;

  struct Io {
    enum class State { some, blocked, closed };  // closed: by the peer, or broken
    State state = State::blocked;
    size_t bytes = 0;  // some: at least 1
  };
  virtual Io read(std::span<char> into) = 0;
  virtual Io write(std::string_view bytes) = 0;

  // Calls once, from the loop and never from within, when read() (write()) may give something else
  // than `blocked`. At most one of each waits. Dropped by close() and by destruction.
  virtual void when_readable(std::function<void()> call) = 0;
  virtual void when_writable(std::function<void()> call) = 0;

  // No more bytes from here; the peer reads the end after what was written.
  virtual void end_writing() = 0;
  virtual void close() = 0;
};

}  // namespace bridle::api
