#include "port.h"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <array>

namespace bridle::bench {
namespace {

constexpr uint16_t receive_burst = 64;

Status start(uint16_t id, uint16_t descriptors, rte_mempool* pool) {
  rte_eth_conf conf{};
  if (rte_eth_dev_configure(id, 1, 1, &conf) != 0 ||
      rte_eth_rx_queue_setup(id, 0, descriptors, 0, nullptr, pool) != 0 ||
      rte_eth_tx_queue_setup(id, 0, descriptors, 0, nullptr) != 0 || rte_eth_dev_start(id) != 0)
    return Error(Code::internal, "cannot start virtio-user port " + std::to_string(id));
  return {};
}

}  // namespace

Result<Port> Port::open(const PortWish& wish, rte_mempool* pool) {
  static unsigned opened = 0;
  std::string name = "net_virtio_user" + std::to_string(opened++);
  std::string size = std::to_string(wish.descriptors);
  std::string arguments =
      "path=" + wish.path + ",queues=1,queue_size=" + size + (wish.listens ? ",server=1" : "");
  uint16_t id = 0;
  if (rte_eal_hotplug_add("vdev", name.c_str(), arguments.c_str()) != 0 ||
      rte_eth_dev_get_port_by_name(name.c_str(), &id) != 0)
    return Error(Code::unreachable, "no virtio-user port at " + wish.path);
  BRIDLE_CHECK(start(id, wish.descriptors, pool).context(wish.path));
  return Port(id, wish);
}

bool Port::connected() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

uint64_t Port::drain() {
  std::array<rte_mbuf*, receive_burst> frames;
  uint16_t count = rte_eth_rx_burst(id_, 0, frames.data(), receive_burst);
  if (count > 0) rte_pktmbuf_free_bulk(frames.data(), count);
  return count;
}

Result<std::array<uint8_t, 6>> mac_address(const std::string& text) {
  rte_ether_addr address{};
  if (rte_ether_unformat_addr(text.c_str(), &address) != 0)
    return Error(Code::invalid, "no MAC address: \"" + text + "\"");
  return std::to_array(address.addr_bytes);
}

}  // namespace bridle::bench
