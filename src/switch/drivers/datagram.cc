#include "switch/drivers/datagram.h"

#include <sys/socket.h>

#include <algorithm>

#include "switch/drivers/socket_option.h"

namespace bridle::net {

DatagramDriver::DatagramDriver(Fd socket, FramePool& pool, uint32_t largest)
    : socket_(std::move(socket), pool, {}), largest_(std::min(largest, largest_frame)) {}

Result<std::unique_ptr<Driver>> open_datagram(Fd socket, FramePool& pool, uint32_t largest) {
  BRIDLE_CHECK(require_socket(socket.get(), AF_UNIX, SOCK_DGRAM));
  // Room for a burst of largest frames; the kernel may give less.
  BRIDLE_CHECK(set_option(socket.get(), SOL_SOCKET, SO_SNDBUF, 4 << 20));
  return std::make_unique<DatagramDriver>(std::move(socket), pool, largest);
}

}  // namespace bridle::net
