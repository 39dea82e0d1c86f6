#include "switch/drivers/link_watch.h"

#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <ctime>

namespace bridle::net {
namespace {

constexpr int64_t interval_ms = 5;

int64_t coarse_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1000000;
}

}  // namespace

Result<LinkWatch> LinkWatch::of(int packet_socket) {
  sockaddr_ll bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(packet_socket, reinterpret_cast<sockaddr*>(&bound), &size) != 0)
    return errno_error("asking where a packet socket is bound");
  ifreq request{};
  request.ifr_ifindex = bound.sll_ifindex;
  if (bound.sll_ifindex == 0 || ::ioctl(packet_socket, SIOCGIFNAME, &request) != 0)
    return Error(Code::invalid, "a packet socket was handed over that is bound to no interface");
  return LinkWatch(packet_socket, request.ifr_name);
}

bool LinkWatch::up() {
  const int64_t now = coarse_ms();
  if (now - asked_ms_.load(std::memory_order_relaxed) < interval_ms) return up_.load();
  asked_ms_.store(now, std::memory_order_relaxed);
  ifreq request{};
  std::strncpy(request.ifr_name, name_.c_str(), sizeof request.ifr_name - 1);
  constexpr int wanted = IFF_UP | IFF_RUNNING;
  const bool up =
      ::ioctl(socket_, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & wanted) == wanted;
  up_.store(up);
  return up;
}

}  // namespace bridle::net
