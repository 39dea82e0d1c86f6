// FakeServer: a scripted HTTP server on a unix socket, for the tests of the command line. Each
// connection is one request and one answer, made by the handler from the request's text; what the
// handler returns is sent as it is, then the connection is closed.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

namespace bridle::cli {

class FakeServer {
 public:
  using Handler = std::function<std::string(const std::string& request)>;

  explicit FakeServer(Handler handler) : handler_(std::move(handler)) {
    char folder[] = "/tmp/bt-cli-XXXXXX";
    root_ = ::mkdtemp(folder);
    std::filesystem::create_directory(root_ + "/run");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, (root_ + "/run/bridled.sock").c_str());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 16);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeServer() {
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    std::filesystem::remove_all(root_);
  }

  const std::string& root() const { return root_; }

  static std::string answer(int status, const std::string& body) {
    return "HTTP/1.1 " + std::to_string(status) +
           " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  static bool whole(const std::string& request) {
    const size_t head = request.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const size_t at = request.find("Content-Length: ");
    if (at == std::string::npos || at > head) return true;
    return request.size() >= head + 4 + std::stoul(request.substr(at + 16));
  }

  void serve() {
    while (!stopping_) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      std::string request;
      char chunk[4096];
      while (!whole(request)) {
        const ssize_t n = ::read(fd, chunk, sizeof chunk);
        if (n <= 0) break;
        request.append(chunk, static_cast<size_t>(n));
      }
      const std::string reply = handler_(request);
      for (size_t sent = 0; sent < reply.size();) {
        const ssize_t n = ::send(fd, reply.data() + sent, reply.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<size_t>(n);
      }
      ::close(fd);
    }
  }

  Handler handler_;
  std::string root_;
  int listener_ = -1;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace bridle::cli
