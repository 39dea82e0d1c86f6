#include "switch/drivers/vhost_frames.h"

#include <rte_mbuf.h>
#include <rte_net.h>

#include <algorithm>
#include <cstring>

namespace bridle::net {
namespace {

constexpr uint16_t tcp_checksum_at = 16, udp_checksum_at = 6;

// What rte_vhost kept of the virtio header: which sum is to be made, and the size of segments.
void read_offload(rte_mbuf* mbuf, Offload& offload) {
  rte_net_hdr_lens sizes{};
  const uint32_t type = rte_net_get_ptype(mbuf, &sizes, RTE_PTYPE_ALL_MASK);
  const uint32_t transport = type & RTE_PTYPE_L4_MASK;
  if (transport != RTE_PTYPE_L4_TCP && transport != RTE_PTYPE_L4_UDP) return;
  const bool tcp = transport == RTE_PTYPE_L4_TCP;
  offload.needs_checksum = true;
  offload.checksum_start = static_cast<uint16_t>(sizes.l2_len + sizes.l3_len);
  offload.checksum_offset = tcp ? tcp_checksum_at : udp_checksum_at;
  if ((mbuf->ol_flags & RTE_MBUF_F_RX_LRO) == 0 || !tcp) return;
  offload.segmentation = RTE_ETH_IS_IPV4_HDR(type) ? Offload::tcp4 : Offload::tcp6;
  offload.segment_size = mbuf->tso_segsz;
  offload.header_size = static_cast<uint16_t>(sizes.l2_len + sizes.l3_len + sizes.l4_len);
}

void renew(Frame& frame, rte_mbuf* mbuf) {
  frame.data = rte_pktmbuf_mtod(mbuf, uint8_t*);
  frame.head = mbuf->data_len;
  frame.next = nullptr;
  frame.offload = {};
  frame.from = frame.to = no_port;
  frame.group = no_group;
  frame.vlan = 0;
  frame.mirrored = false;
  frame.after = nullptr;
}

// Towards the guest: flags from which rte_vhost makes the virtio header.
void write_offload(const Offload& offload, rte_mbuf& first) {
  first.ol_flags = offload.checksum_offset == tcp_checksum_at ? RTE_MBUF_F_TX_TCP_CKSUM
                                                              : RTE_MBUF_F_TX_UDP_CKSUM;
  first.l2_len = ethernet_header;
  first.l3_len = offload.checksum_start - ethernet_header;
  first.l4_len = 20;
  if (offload.segmentation != Offload::tcp4 && offload.segmentation != Offload::tcp6) return;
  first.ol_flags |= RTE_MBUF_F_TX_TCP_SEG;
  first.ol_flags |= offload.segmentation == Offload::tcp4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6;
  first.tso_segsz = offload.segment_size;
  const int transport = int{offload.header_size} - int{offload.checksum_start};
  if (transport >= 20 && transport <= 60) first.l4_len = static_cast<uint8_t>(transport);
}

// What an mbuf can say of it: rte_vhost has nine bits for what lies behind Ethernet.
bool can_say(const Offload& offload, const Frame& frame) {
  return offload.needs_checksum && offload.checksum_start >= ethernet_header &&
         offload.checksum_start - ethernet_header < 512 &&
         offload.checksum_start + 4u < frame.head &&
         (offload.checksum_offset == tcp_checksum_at || offload.checksum_offset == udp_checksum_at);
}

// The rest of a chain. False: it contradicts its first part.
bool join(Frame& first, rte_mbuf* mbuf, MbufPool& pool) {
  uint32_t bytes = first.head;
  Frame* last = &first;
  for (rte_mbuf* part = mbuf->next; part != nullptr; part = part->next) {
    Frame* next = frame_of(part);
    next->data = rte_pktmbuf_mtod(part, uint8_t*);
    next->head = part->data_len;
    next->next = nullptr;
    next->pool = &pool;
    bytes += part->data_len;
    last = last->next = next;
  }
  return bytes == first.size;
}

bool become_frame(Frame& first, rte_mbuf* mbuf, MbufPool& pool) {
  renew(first, mbuf);
  first.size = mbuf->pkt_len;
  first.pool = &pool;
  if (mbuf->ol_flags != 0) [[unlikely]]
    read_offload(mbuf, first.offload);
  if ((mbuf->next != nullptr || first.head != first.size) && !join(first, mbuf, pool)) return false;
  return first.size > 0 && first.size <= largest_frame;
}

void prefetch(Frame* frame) {
  for (size_t at = 0; at < sizeof(Frame); at += RTE_CACHE_LINE_SIZE)
    __builtin_prefetch(reinterpret_cast<uint8_t*>(frame) + at, 1);
}

// A frame of an MbufPool with one part, to be sent as it is.
rte_mbuf* as_it_is(const Frame& frame) {
  rte_mbuf* mbuf = mbuf_of(&frame);
  mbuf->data_off = static_cast<uint16_t>(frame.data - static_cast<uint8_t*>(mbuf->buf_addr));
  mbuf->data_len = static_cast<uint16_t>(frame.head);
  mbuf->pkt_len = frame.size;
  mbuf->ol_flags = 0;
  mbuf->nb_segs = 1;
  mbuf->next = nullptr;
  return mbuf;
}

}  // namespace

size_t frames_from(std::span<rte_mbuf* const> mbufs, MbufPool& pool, Frame** into) {
  constexpr size_t ahead = 4;
  for (size_t i = 0; i < std::min(ahead, mbufs.size()); ++i) prefetch(frame_of(mbufs[i]));
  size_t count = 0;
  for (size_t i = 0; i < mbufs.size(); ++i) {
    if (i + ahead < mbufs.size()) prefetch(frame_of(mbufs[i + ahead]));
    Frame* frame = frame_of(mbufs[i]);
    if (become_frame(*frame, mbufs[i], pool)) [[likely]]
      into[count++] = frame;
    else
      release(frame);
  }
  return count;
}

MbufShells::MbufShells() : shells_(new rte_mbuf[count]) {
  std::memset(static_cast<void*>(shells_.get()), 0, count * sizeof(rte_mbuf));
}
MbufShells::~MbufShells() = default;

rte_mbuf* MbufShells::shell(uint8_t* data, uint32_t bytes) {
  if (used_ == count) return nullptr;
  rte_mbuf* mbuf = &shells_[used_++];
  mbuf->buf_addr = data;
  mbuf->buf_len = mbuf->data_len = static_cast<uint16_t>(bytes);
  mbuf->data_off = 0;
  mbuf->ol_flags = 0;
  mbuf->nb_segs = 1;
  mbuf->next = nullptr;
  rte_mbuf_refcnt_set(mbuf, 1);
  return mbuf;
}

rte_mbuf* MbufShells::part(Frame& frame, bool own) {
  if (!own) return shell(frame.data, frame.head);
  rte_mbuf* mbuf = mbuf_of(&frame);
  mbuf->data_off = static_cast<uint16_t>(frame.data - static_cast<uint8_t*>(mbuf->buf_addr));
  mbuf->data_len = static_cast<uint16_t>(frame.head);
  mbuf->ol_flags = 0;
  mbuf->next = nullptr;
  return mbuf;
}

// The first part ends inside its transport header.
bool MbufShells::split(rte_mbuf& first, uint32_t at) {
  rte_mbuf* rest = shell(rte_pktmbuf_mtod_offset(&first, uint8_t*, at), first.data_len - at);
  if (rest == nullptr) return false;
  first.data_len = static_cast<uint16_t>(at);
  rest->next = first.next;
  first.next = rest;
  return true;
}

rte_mbuf* MbufShells::assemble(Frame& frame) {
  const size_t before = used_;
  const bool own = is_mbuf_pool(frame.pool);
  rte_mbuf *first = nullptr, *last = nullptr;
  uint16_t parts = 0;
  for (Frame* one = &frame; one != nullptr; one = one->next) {
    rte_mbuf* mbuf = part(*one, own);
    if (mbuf == nullptr) {
      used_ = before;
      return nullptr;
    }
    (last == nullptr ? first : last->next) = mbuf;
    last = mbuf;
    ++parts;
  }
  if (can_say(frame.offload, frame)) {
    if (!split(*first, frame.offload.checksum_start + 4u)) {
      used_ = before;
      return nullptr;
    }
    ++parts;
    write_offload(frame.offload, *first);
  }
  first->nb_segs = parts;
  first->pkt_len = frame.size;
  return first;
}

uint16_t MbufShells::prepare(std::span<Frame* const> frames, const FramePool* own,
                             rte_mbuf** into) {
  used_ = 0;
  uint16_t ready = 0;
  for (Frame* frame : frames) {
    const bool plain =
        frame->pool == own && frame->next == nullptr && !frame->offload.needs_checksum;
    rte_mbuf* mbuf = plain ? as_it_is(*frame) : assemble(*frame);
    if (mbuf == nullptr) break;
    into[ready++] = mbuf;
  }
  return ready;
}

}  // namespace bridle::net
