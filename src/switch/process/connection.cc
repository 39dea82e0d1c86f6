#include "switch/process/connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace bridle::net {

bool Connection::read() {
  char bytes[65536];
  iovec part{bytes, sizeof bytes};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  if (got <= 0) return false;
  const cmsghdr* beside = CMSG_FIRSTHDR(&message);
  if (beside != nullptr && beside->cmsg_level == SOL_SOCKET && beside->cmsg_type == SCM_RIGHTS &&
      beside->cmsg_len == CMSG_LEN(sizeof(int))) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(beside), sizeof fd);
    beside_ = Fd(fd);
  }
  return lines_.append({bytes, static_cast<size_t>(got)}).ok();
}

bool Connection::write(const std::string& line) {
  if (out_.size() + line.size() > 2 * largest_control_line) return false;
  out_ += line;
  return flush();
}

bool Connection::flush() {
  while (!out_.empty()) {
    const ssize_t sent =
        ::send(socket_.get(), out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return true;
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    out_.erase(0, static_cast<size_t>(sent));
  }
  return true;
}

}  // namespace bridle::net
