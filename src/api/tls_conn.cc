#include "api/tls_conn.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include "base/free_with.h"

namespace bridle::api {

namespace {

using boost::asio::posix::stream_descriptor;

std::string last_error() {
  const unsigned long code = ERR_peek_last_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return text == nullptr ? "the connection ended" : text;
}

class OpensslConn final : public TlsConn {
 public:
  OpensslConn(boost::asio::io_context& loop, std::shared_ptr<TlsContext> context, SSL* ssl, Fd fd)
      : context_(std::move(context)), ssl_(ssl), socket_(loop, fd.release()) {
    boost::system::error_code ignored;
    socket_.non_blocking(true, ignored);
    SSL_set_fd(ssl_.get(), socket_.native_handle());
    SSL_set_accept_state(ssl_.get());
  }

  Step handshake() override {
    if (!socket_.is_open()) return Step::failed;
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    if (done == 1) return Step::done;
    switch (SSL_get_error(ssl_.get(), done)) {
      case SSL_ERROR_WANT_READ:
        return Step::wait_readable;
      case SSL_ERROR_WANT_WRITE:
        return Step::wait_writable;
      default:
        why_ = last_error();
        return Step::failed;
    }
  }

  void when_ready(Step step, std::function<void()> call) override {
    wait(step == Step::wait_writable ? stream_descriptor::wait_write : stream_descriptor::wait_read,
         std::move(call));
  }

  Shown shown() const override {
    Shown out;
    X509* const cert = SSL_get0_peer_certificate(ssl_.get());
    if (cert == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return out;
    char name[128];
    const int n = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name,
                                            static_cast<int>(sizeof name));
    unsigned int size = 0;
    if (n <= 0 || X509_digest(cert, EVP_sha256(), out.digest.data(), &size) != 1) return out;
    out.name.assign(name, static_cast<size_t>(n));
    return out;
  }
  const std::string& why() const override { return why_; }

  Io read(std::span<char> into) override {
    if (!socket_.is_open() || broken_) return {Io::State::closed};
    ERR_clear_error();
    size_t bytes = 0;
    const int done = SSL_read_ex(ssl_.get(), into.data(), into.size(), &bytes);
    return result(done, bytes, read_needs_write_);
  }
  Io write(std::string_view bytes) override {
    if (!socket_.is_open() || broken_) return {Io::State::closed};
    if (bytes.empty()) return {Io::State::blocked};
    ERR_clear_error();
    size_t sent = 0;
    // No crash point: what is sent is an answer, as at api.send, whose point tells the same.
    const int done = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
    return result(done, sent, write_needs_read_, true);
  }

  void when_readable(std::function<void()> call) override {
    // What OpenSSL has read already makes no descriptor readable.
    if (SSL_pending(ssl_.get()) > 0) return soon(std::move(call));
    wait(read_needs_write_ ? stream_descriptor::wait_write : stream_descriptor::wait_read,
         std::move(call));
  }
  void when_writable(std::function<void()> call) override {
    wait(write_needs_read_ ? stream_descriptor::wait_read : stream_descriptor::wait_write,
         std::move(call));
  }

  void end_writing() override {
    if (!socket_.is_open()) return;
    say_goodbye();
    ::shutdown(socket_.native_handle(), SHUT_WR);
  }
  void close() override {
    if (!socket_.is_open()) return;
    say_goodbye();
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  Io result(int done, size_t bytes, bool& crossed, bool writing = false) {
    crossed = false;
    if (done == 1) return {Io::State::some, bytes};
    const int error = SSL_get_error(ssl_.get(), done);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      crossed = writing ? error == SSL_ERROR_WANT_READ : error == SSL_ERROR_WANT_WRITE;
      return {Io::State::blocked};
    }
    // The peer's orderly end leaves our direction open; everything else breaks both.
    if (error != SSL_ERROR_ZERO_RETURN) broken_ = true;
    ERR_clear_error();
    return {Io::State::closed};
  }

  // Once; after an error OpenSSL must not be asked for it.
  void say_goodbye() {
    if (broken_ || goodbye_ || SSL_is_init_finished(ssl_.get()) == 0) return;
    goodbye_ = true;
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }

  void wait(stream_descriptor::wait_type what, std::function<void()> call) {
    if (!socket_.is_open()) return;
    socket_.async_wait(what, [call = std::move(call)](boost::system::error_code ec) {
      if (ec != boost::asio::error::operation_aborted) call();
    });
  }
  void soon(std::function<void()> call) {
    boost::asio::post(socket_.get_executor(),
                      [call = std::move(call), weak = std::weak_ptr(alive_)] {
                        if (!weak.expired()) call();
                      });
  }

  const std::shared_ptr<TlsContext> context_;
  const std::unique_ptr<SSL, FreeWith<SSL_free>> ssl_;
  stream_descriptor socket_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::string why_;
  bool broken_ = false, goodbye_ = false;
  bool read_needs_write_ = false, write_needs_read_ = false;
};

}  // namespace

std::unique_ptr<TlsConn> tls_conn(boost::asio::io_context& loop,
                                  std::shared_ptr<TlsContext> context, Fd fd) {
  SSL* const ssl = SSL_new(context->get());
  if (ssl == nullptr) return nullptr;
  return std::make_unique<OpensslConn>(loop, std::move(context), ssl, std::move(fd));
}

}  // namespace bridle::api
