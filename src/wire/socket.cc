#include "wire/socket.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/crash_point.h"

namespace bridle::wire {
namespace {

struct Address {
  sockaddr_un un{};
  socklen_t size = sizeof(sockaddr_un);
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&un); }
};

Result<Address> address_of(const std::string& path) {
  Address address;
  if (path.empty() || path.size() >= sizeof address.un.sun_path)
    return Error(Code::invalid, path + ": a unix socket's path has 1 to 107 characters");
  address.un.sun_family = AF_UNIX;
  std::memcpy(address.un.sun_path, path.data(), path.size());
  return address;
}

Result<Fd> unix_socket(int type) {
  Fd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("socket");
  return fd;
}

// Binds under a tight umask, so that nobody can connect before the mode is set.
Result<Fd> bound(const std::string& path, int type, mode_t mode) {
  BRIDLE_TRY(const Address address, address_of(path));
  BRIDLE_TRY(Fd fd, unix_socket(type));
  BRIDLE_CRASH_POINT("wire.bind");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error(path);
  const mode_t old = ::umask(0177);
  const int failed = ::bind(fd.get(), address.get(), address.size);
  const int bind_errno = errno;
  ::umask(old);
  if (failed != 0) return errno_error(bind_errno, path);
  if (::chmod(path.c_str(), mode) != 0) return errno_error(path);
  return fd;
}

}  // namespace

Result<Fd> connect_unix(const std::string& path, int type) {
  BRIDLE_TRY(const Address address, address_of(path));
  BRIDLE_TRY(Fd fd, unix_socket(type));
  if (::connect(fd.get(), address.get(), address.size) != 0) {
    const int error_number = errno == EAGAIN ? ECONNREFUSED : errno;
    return errno_error(error_number, path);
  }
  return fd;
}

Result<Fd> listen_unix(const std::string& path, int type, mode_t mode, int backlog) {
  BRIDLE_TRY(Fd fd, bound(path, type, mode));
  if (::listen(fd.get(), backlog) != 0) return errno_error(path);
  return fd;
}

Result<Fd> bind_datagram(const std::string& path, mode_t mode) {
  return bound(path, SOCK_DGRAM, mode);
}

Result<Fd> accept_unix(int listener) {
  Fd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return errno_error("accept");
  return fd;
}

Result<Pair> socket_pair(int type) {
  int fds[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) != 0) return errno_error("socketpair");
  return Pair{Fd(fds[0]), Fd(fds[1])};
}

Result<Peer> peer_of(int fd) {
  ucred cred{};
  socklen_t size = sizeof cred;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0)
    return errno_error("SO_PEERCRED");
  return Peer{cred.uid, cred.gid, cred.pid};
}

Status send_packet(int fd, std::span<const uint8_t> record, std::span<const int> descriptors) {
  if (descriptors.size() > max_descriptors)
    return Error(Code::invalid, "too many descriptors for one record");
  iovec iov{const_cast<uint8_t*>(record.data()), record.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(max_descriptors * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  if (!descriptors.empty()) BRIDLE_CRASH_POINT("wire.hand_over");
  while (true) {
    BRIDLE_CRASH_POINT("wire.send");
    const ssize_t n = ::sendmsg(fd, &message, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("sending a record");
    if (static_cast<size_t>(n) != record.size())
      return Error(Code::unreachable, "a record was sent in part");
    if (!descriptors.empty()) BRIDLE_CRASH_POINT("wire.handed_over");
    BRIDLE_CRASH_POINT("wire.sent");
    return {};
  }
}

namespace {

void take_descriptors(msghdr& message, std::vector<Fd>& out) {
  for (cmsghdr* h = CMSG_FIRSTHDR(&message); h != nullptr; h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
      out.emplace_back(fd);
    }
  }
}

}  // namespace

Result<Packet> receive_packet(int fd, std::span<uint8_t> record) {
  iovec iov{record.data(), record.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(max_descriptors * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t n;
  do {
    n = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    return Error(Code::exhausted, "nothing to receive yet");
  if (n < 0) return errno_error("receiving a record");
  Packet packet;
  packet.size = static_cast<size_t>(n);
  take_descriptors(message, packet.descriptors);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return Error(Code::corrupt, "a record was larger than its reader expected");
  return packet;
}

}  // namespace bridle::wire
