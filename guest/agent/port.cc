#include "port.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "request.h"

namespace bridle::agent {
namespace {

constexpr char port_name[] = "org.bridle.agent.0";

bool names_our_port(const std::string& path) {
  char text[64];
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const ssize_t n = ::read(fd, text, sizeof text);
  ::close(fd);
  const size_t length = std::strlen(port_name);
  return n >= static_cast<ssize_t>(length) && std::memcmp(text, port_name, length) == 0;
}

// "/dev/vport2p1", or empty.
std::string device_path() {
  const std::string by_udev = std::string("/dev/virtio-ports/") + port_name;
  if (::access(by_udev.c_str(), F_OK) == 0) return by_udev;
  DIR* folder = ::opendir("/sys/class/virtio-ports");
  if (folder == nullptr) return {};
  std::string found;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string name = entry->d_name;
    if (name[0] != '.' && names_our_port("/sys/class/virtio-ports/" + name + "/name"))
      found = "/dev/" + name;
  }
  ::closedir(folder);
  return found;
}

}  // namespace

bool Port::open() {
  const std::string path = device_path();
  if (path.empty()) return false;
  fd_ = ::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd_ < 0) return false;
  ::fcntl(fd_, F_SETOWN, ::getpid());
  ::fcntl(fd_, F_SETFL, O_NONBLOCK | O_ASYNC);
  return true;
}

void Port::set_host_present(bool present) {
  host_present_ = present;
  input_.clear();
  pending_.clear();
  overlong_ = false;
}

bool Port::read_some() {
  char chunk[4096];
  while (true) {
    const ssize_t n = ::read(fd_, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return true;
    if (n < 0) close_now();
    if (n <= 0) return false;
    input_.append(chunk, static_cast<size_t>(n));
    if (input_.size() > 4 * longest_line) return true;  // lines first, then more
  }
}

bool Port::next_line(std::string& line) {
  while (true) {
    const size_t end = input_.find('\n');
    if (end == std::string::npos) {
      if (input_.size() <= longest_line) return false;
      input_.clear();
      overlong_ = true;
      return false;
    }
    line = input_.substr(0, end);
    input_.erase(0, end + 1);
    if (!overlong_ && line.size() <= longest_line) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (!line.empty()) return true;
      continue;
    }
    overlong_ = false;
    line.assign(longest_line + 1, ' ');  // the decoder refuses it, so that the host hears why
    return true;
  }
}

void Port::send(const std::string& line) {
  if (!host_present_ || pending_.size() + line.size() > max_pending) return;
  pending_ += line;
  write_some();
}

void Port::write_some() {
  while (!pending_.empty()) {
    const ssize_t n = ::write(fd_, pending_.data(), pending_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return close_now();
    if (n <= 0) return;
    pending_.erase(0, static_cast<size_t>(n));
  }
}

void Port::close_now() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  set_host_present(false);
}

}  // namespace bridle::agent
