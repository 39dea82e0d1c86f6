#include "switch/drivers/vhost_link.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "base/log.h"

namespace bridle::net {
namespace {

Fd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return {};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  if (!socket || ::connect(socket.get(), to, sizeof address) != 0) return {};
  return socket;
}

DescriptorFacts facts_of(int fd) {
  DescriptorFacts facts;
  struct stat about {};
  if (::fstat(fd, &about) != 0) return facts;
  facts.memory = S_ISREG(about.st_mode) && about.st_size >= 0;
  facts.size = facts.memory ? static_cast<uint64_t>(about.st_size) : 0;
  const int seals = facts.memory ? ::fcntl(fd, F_GET_SEALS) : -1;
  facts.sealed = seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
  // An eventfd is an anonymous inode, which has no type; so are some others, and none of them takes
  // a write of eight bytes and waits.
  facts.event = (about.st_mode & S_IFMT) == 0;
  if (facts.event) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  return facts;
}

void take_descriptors(const msghdr& message, std::vector<Fd>& into) {
  for (const cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(const_cast<msghdr*>(&message), const_cast<cmsghdr*>(control))) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(control) + i * sizeof fd, sizeof fd);
      into.emplace_back(fd);
    }
  }
}

}  // namespace

VhostLink::VhostLink(uint64_t id, std::string guest_path, std::string own_path,
                     std::shared_ptr<VhostLinkFacts> facts)
    : id_(id),
      guest_path_(std::move(guest_path)),
      own_path_(std::move(own_path)),
      facts_(std::move(facts)) {}

void VhostLink::connect(int epoll, int64_t now_ms) {
  due_ms_ = now_ms + retry_ms;
  Fd to_guest = connect_to(guest_path_);
  if (!to_guest) return;
  Fd to_own = connect_to(own_path_);
  if (!to_own) return;
  epoll_event guest_event{.events = EPOLLIN, .data = {.u64 = key(id_, guest)}};
  epoll_event own_event{.events = EPOLLIN, .data = {.u64 = key(id_, own)}};
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, to_guest.get(), &guest_event) != 0 ||
      ::epoll_ctl(epoll, EPOLL_CTL_ADD, to_own.get(), &own_event) != 0)
    return;
  guest_ = std::move(to_guest);
  own_ = std::move(to_own);
  check_ = {};
  have_ = 0;
  facts_->connects.fetch_add(1);
}

void VhostLink::close(int64_t due_ms) {
  guest_.reset();
  own_.reset();
  descriptors_.clear();
  have_ = 0;
  due_ms_ = due_ms;
}

void VhostLink::punish(const std::string& why, int64_t now_ms) {
  facts_->refused.fetch_add(1);
  log::warning("a guest's vhost-user connection is refused", {{"at", guest_path_}, {"why", why}});
  {
    const std::lock_guard lock(facts_->mutex);
    facts_->last_refusal = why;
  }
  close(now_ms + penalty_ms);
}

VhostLink::Step VhostLink::refuse(const std::string& why) {
  refusal_ = why;
  return Step::broken;
}

// Descriptors come with the first byte of a message.
VhostLink::Step VhostLink::read_header() {
  iovec part{message_.data() + have_, vhost_header_size - have_};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_vhost_descriptors)];
  msghdr about{};
  about.msg_iov = &part;
  about.msg_iovlen = 1;
  about.msg_control = control;
  about.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(guest_.get(), &about, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Step::wait;
  if (got <= 0) return Step::broken;
  take_descriptors(about, descriptors_);
  if ((about.msg_flags & MSG_CTRUNC) != 0 || descriptors_.size() > most_vhost_descriptors)
    return refuse("more descriptors than any request has");
  have_ += static_cast<size_t>(got);
  if (have_ < vhost_header_size) return Step::wait;
  VhostHeader header;
  std::memcpy(&header, message_.data(), sizeof header);
  const std::string why = check_.header(header);
  return why.empty() ? Step::more : refuse(why);
}

VhostLink::Step VhostLink::read_payload() {
  VhostHeader header;
  std::memcpy(&header, message_.data(), sizeof header);
  const size_t whole = vhost_header_size + header.size;
  while (have_ < whole) {
    const ssize_t got = ::recv(guest_.get(), message_.data() + have_, whole - have_, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Step::wait;
    if (got <= 0) return Step::broken;
    have_ += static_cast<size_t>(got);
  }
  const std::string why = judge();
  return why.empty() ? pass_on() : refuse(why);
}

std::string VhostLink::judge() {
  VhostHeader header;
  std::memcpy(&header, message_.data(), sizeof header);
  std::vector<DescriptorFacts> about;
  for (const Fd& fd : descriptors_) about.push_back(facts_of(fd.get()));
  const std::string why =
      check_.message(header, {message_.data() + vhost_header_size, header.size}, about);
  facts_->unsealed.store(check_.unsealed());
  return why;
}

VhostLink::Step VhostLink::pass_on() {
  iovec part{message_.data(), have_};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_vhost_descriptors)] = {};
  msghdr about{};
  about.msg_iov = &part;
  about.msg_iovlen = 1;
  if (!descriptors_.empty()) {
    about.msg_control = control;
    about.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors_.size());
    cmsghdr* rights = CMSG_FIRSTHDR(&about);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * descriptors_.size());
    for (size_t i = 0; i < descriptors_.size(); ++i) {
      const int fd = descriptors_[i].get();
      std::memcpy(CMSG_DATA(rights) + i * sizeof fd, &fd, sizeof fd);
    }
  }
  const ssize_t sent = ::sendmsg(own_.get(), &about, MSG_DONTWAIT | MSG_NOSIGNAL);
  const bool whole = sent == static_cast<ssize_t>(have_);
  descriptors_.clear();
  have_ = 0;
  return whole ? Step::wait : Step::broken;
}

void VhostLink::from_guest(int64_t now_ms) {
  refusal_.clear();
  Step step = have_ < vhost_header_size ? read_header() : Step::more;
  if (step == Step::more) step = read_payload();
  if (step != Step::broken) return;
  if (refusal_.empty())
    close(now_ms + retry_ms);
  else
    punish(refusal_, now_ms);
}

void VhostLink::from_own(int64_t now_ms) {
  uint8_t reply[vhost_header_size + most_vhost_payload];
  const ssize_t got = ::recv(own_.get(), reply, sizeof reply, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return close(now_ms + retry_ms);
  const auto size = static_cast<size_t>(got);
  if (::send(guest_.get(), reply, size, MSG_DONTWAIT | MSG_NOSIGNAL) != got)
    punish("a reply that it does not take", now_ms);
}

}  // namespace bridle::net
