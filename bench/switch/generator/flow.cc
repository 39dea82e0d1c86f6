#include "flow.h"

#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include <cstring>
#include <vector>

#include "port.h"

namespace bridle::bench {
namespace {

constexpr uint16_t discard_port = 9;

rte_ether_hdr ethernet(const PortWish& from, const PortWish& to) {
  rte_ether_hdr header{};
  std::memcpy(header.src_addr.addr_bytes, from.mac.data(), from.mac.size());
  std::memcpy(header.dst_addr.addr_bytes, to.mac.data(), to.mac.size());
  header.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
  return header;
}

rte_ipv4_hdr ipv4(const PortWish& from, const PortWish& to, size_t size) {
  rte_ipv4_hdr header{};
  header.version_ihl = RTE_IPV4_VHL_DEF;
  header.total_length = rte_cpu_to_be_16(static_cast<uint16_t>(size));
  header.time_to_live = 64;
  header.next_proto_id = IPPROTO_UDP;
  header.src_addr = rte_cpu_to_be_32(from.address);
  header.dst_addr = rte_cpu_to_be_32(to.address);
  header.hdr_checksum = rte_ipv4_cksum(&header);
  return header;
}

std::vector<uint8_t> frame(const PortWish& from, const PortWish& to, size_t size) {
  std::vector<uint8_t> bytes(size);
  auto outer = ethernet(from, to);
  auto inner = ipv4(from, to, size - sizeof outer);
  rte_udp_hdr udp{};
  udp.src_port = udp.dst_port = rte_cpu_to_be_16(discard_port);
  udp.dgram_len = rte_cpu_to_be_16(static_cast<uint16_t>(size - sizeof outer - sizeof inner));
  std::memcpy(bytes.data(), &outer, sizeof outer);
  std::memcpy(bytes.data() + sizeof outer, &inner, sizeof inner);
  std::memcpy(bytes.data() + sizeof outer + sizeof inner, &udp, sizeof udp);
  return bytes;
}

void write_frame(rte_mempool*, void* bytes, void* object, unsigned) {
  const auto& wanted = *static_cast<const std::vector<uint8_t>*>(bytes);
  std::memcpy(rte_pktmbuf_mtod(static_cast<rte_mbuf*>(object), void*), wanted.data(),
              wanted.size());
}

}  // namespace

Result<std::unique_ptr<Flow>> Flow::make(const Port& from, const Port& to, uint16_t size) {
  if (size < RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN || size > RTE_ETHER_MAX_LEN - RTE_ETHER_CRC_LEN)
    return Error(Code::invalid, "frames are of 60 to 1514 bytes");
  static unsigned made = 0;
  std::string name = "flow" + std::to_string(made++);
  // The ring's, one burst that waits, and what the driver has not yet taken back.
  unsigned count = 2u * from.wish().descriptors + 2u * burst;
  auto* pool =
      rte_pktmbuf_pool_create(name.c_str(), count, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool == nullptr) return Error(Code::exhausted, "no memory for the frames of a flow");
  auto bytes = frame(from.wish(), to.wish(), size);
  rte_mempool_obj_iter(
      pool,
      [](rte_mempool*, void*, void* object, unsigned) {
        rte_pktmbuf_reset(static_cast<rte_mbuf*>(object));
      },
      nullptr);
  rte_mempool_obj_iter(pool, write_frame, &bytes);
  return std::unique_ptr<Flow>(new Flow(from, size, pool));
}

Flow::~Flow() {
  if (next_ < count_) rte_pktmbuf_free_bulk(&ready_[next_], count_ - next_);
  // The pool stays: the ring may still hold frames of it.
}

bool Flow::refill() {
  if (next_ < count_) return true;
  if (rte_pktmbuf_alloc_bulk(pool_, ready_.data(), burst) != 0) {
    rte_eth_tx_done_cleanup(from_.id(), 0, 0);
    if (rte_pktmbuf_alloc_bulk(pool_, ready_.data(), burst) != 0) return false;
  }
  for (auto* mbuf : ready_) mbuf->data_len = size_, mbuf->pkt_len = size_;
  next_ = 0;
  count_ = burst;
  return true;
}

uint64_t Flow::offer() {
  if (!refill()) return 0;
  uint16_t taken =
      rte_eth_tx_burst(from_.id(), 0, &ready_[next_], static_cast<uint16_t>(count_ - next_));
  next_ = static_cast<uint16_t>(next_ + taken);
  return taken;
}

bool Flow::offer_one() {
  if (!refill() || rte_eth_tx_burst(from_.id(), 0, &ready_[next_], 1) != 1) return false;
  ++next_;
  return true;
}

}  // namespace bridle::bench
