#include "api/socket_conn.h"

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>

#include "base/crash_point.h"

namespace bridle::api {

namespace {

using boost::asio::posix::stream_descriptor;

class SocketConn final : public Conn {
 public:
  SocketConn(boost::asio::io_context& loop, Fd fd) : socket_(loop, fd.release()) {
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
  }

  Io read(std::span<char> into) override {
    if (!socket_.is_open()) return {Io::State::closed};
    return io(::recv(socket_.native_handle(), into.data(), into.size(), 0), true);
  }
  Io write(std::string_view bytes) override {
    if (!socket_.is_open()) return {Io::State::closed};
    BRIDLE_CRASH_POINT("api.send");
    return io(::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL), false);
  }

  void when_readable(std::function<void()> call) override {
    wait(stream_descriptor::wait_read, std::move(call));
  }
  void when_writable(std::function<void()> call) override {
    wait(stream_descriptor::wait_write, std::move(call));
  }

  void end_writing() override {
    if (socket_.is_open()) ::shutdown(socket_.native_handle(), SHUT_WR);
  }
  void close() override {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  static Io io(ssize_t n, bool reading) {
    if (n > 0) return {Io::State::some, static_cast<size_t>(n)};
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return {Io::State::blocked};
    if (n == 0 && !reading) return {Io::State::blocked};
    return {Io::State::closed};
  }

  void wait(stream_descriptor::wait_type what, std::function<void()> call) {
    if (!socket_.is_open()) return;
    socket_.async_wait(what, [call = std::move(call)](boost::system::error_code ec) {
      if (ec != boost::asio::error::operation_aborted) call();
    });
  }

  stream_descriptor socket_;
};

}  // namespace

std::unique_ptr<Conn> socket_conn(boost::asio::io_context& loop, Fd fd) {
  return std::make_unique<SocketConn>(loop, std::move(fd));
}

}  // namespace bridle::api
