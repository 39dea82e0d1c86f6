#include "switch/drivers/packet_socket.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include "switch/drivers/socket_option.h"

namespace bridle::net {

PacketSocketDriver::PacketSocketDriver(Fd socket, FramePool& pool, LinkWatch link, uint32_t largest)
    : socket_(std::move(socket), pool, {.virtio_header = true, .auxiliary = true}),
      link_(std::move(link)),
      largest_(largest) {}

Abilities PacketSocketDriver::abilities() const {
  return {.checksum = true, .segments4 = true, .segments6 = true, .largest = largest_};
}

Result<std::unique_ptr<Driver>> open_packet_socket(Fd socket, FramePool& pool, uint32_t mtu) {
  BRIDLE_CHECK(require_socket(socket.get(), AF_PACKET, SOCK_RAW));
  BRIDLE_CHECK(set_option(socket.get(), SOL_PACKET, PACKET_VNET_HDR, 1));
  BRIDLE_CHECK(set_option(socket.get(), SOL_PACKET, PACKET_AUXDATA, 1));
  BRIDLE_CHECK(set_option(socket.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, 1));
  BRIDLE_CHECK(set_option(socket.get(), SOL_SOCKET, SO_RCVBUF, 4 << 20));
  const uint32_t largest = (mtu == 0 ? 1500 : mtu) + ethernet_header + 4;
  BRIDLE_TRY(LinkWatch link, LinkWatch::of(socket.get()));
  return std::make_unique<PacketSocketDriver>(std::move(socket), pool, link, largest);
}

}  // namespace bridle::net
