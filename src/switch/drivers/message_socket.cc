#include "switch/drivers/message_socket.h"

#include <linux/if_packet.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "switch/drivers/chain.h"
#include "switch/drivers/virtio_header.h"

namespace bridle::net {
namespace {

// Arrays of a burst: one set a thread, for system calls only.
struct Inbound {
  mmsghdr messages[burst];
  iovec parts[burst][3];
  uint8_t headers[burst][virtio_header_size];
  alignas(cmsghdr) char control[burst][CMSG_SPACE(sizeof(tpacket_auxdata))];
};
struct Outbound {
  mmsghdr messages[burst];
  iovec parts[burst][most_parts + 1];
  uint8_t headers[burst][virtio_header_size];
};
Inbound& inbound() {
  thread_local Inbound arrays;
  return arrays;
}
Outbound& outbound() {
  thread_local Outbound arrays;
  return arrays;
}

}  // namespace

struct MessageSocket::Arrived {
  size_t place = 0;
  uint32_t bytes = 0;  // of the message, header included
  const msghdr* message = nullptr;
};

MessageSocket::MessageSocket(Fd socket, FramePool& pool, MessageFormat format)
    : socket_(std::move(socket)), pool_(pool), format_(format) {}

DriverCounters MessageSocket::counters() const {
  return {.malformed = malformed_.load(std::memory_order_relaxed),
          .starved = starved_.load(std::memory_order_relaxed)};
}

void MessageSocket::failed(int error) {
  const bool gone =
      error == ECONNREFUSED || error == ECONNRESET || error == ENOTCONN || error == EPIPE;
  if (gone) up_.store(false, std::memory_order_relaxed);
}

size_t MessageSocket::take_frames(std::span<Frame*> into) {
  size_t count = 0;
  while (count < into.size() && (into[count] = pool_.take(part_bytes)) != nullptr) ++count;
  if (count < into.size()) starved_.fetch_add(1, std::memory_order_relaxed);
  return count;
}

size_t MessageSocket::receive(std::span<Frame*> into) {
  const size_t count = take_frames(into.first(std::min({into.size(), burst, expected_})));
  if (count == 0) return 0;
  Inbound& arrays = inbound();
  for (size_t i = 0; i < count; ++i) {
    iovec* parts = arrays.parts[i];
    size_t used = 0;
    if (format_.virtio_header) parts[used++] = {arrays.headers[i], virtio_header_size};
    parts[used++] = {into[i]->data, part_bytes};
    parts[used++] = {scratch(i).data(), rest_bytes};
    arrays.messages[i] = {};
    arrays.messages[i].msg_hdr.msg_iov = parts;
    arrays.messages[i].msg_hdr.msg_iovlen = used;
    if (!format_.auxiliary) continue;
    arrays.messages[i].msg_hdr.msg_control = arrays.control[i];
    arrays.messages[i].msg_hdr.msg_controllen = sizeof arrays.control[i];
  }
  const int got = ::recvmmsg(socket_.get(), arrays.messages, static_cast<unsigned>(count),
                             MSG_DONTWAIT, nullptr);
  if (got < 0) failed(errno);
  if (got > 0) up_.store(true, std::memory_order_relaxed);
  expected_ = std::clamp<size_t>(got > 0 ? 2 * static_cast<size_t>(got) : 4, 4, burst);
  size_t kept = 0;
  for (size_t i = 0; i < count; ++i) {
    Frame* frame = into[i];
    const mmsghdr& message = arrays.messages[i];
    if (static_cast<int>(i) < got && finish(*frame, {i, message.msg_len, &message.msg_hdr}))
      into[kept++] = frame;
    else
      release(frame);
  }
  return kept;
}

// Sizes and offload of what was read; false: of no use, and counted.
bool MessageSocket::finish(Frame& frame, const Arrived& arrived) {
  const uint32_t before = format_.virtio_header ? virtio_header_size : 0;
  const uint32_t size = arrived.bytes > before ? arrived.bytes - before : 0;
  frame.head = frame.size = std::min(size, part_bytes);
  const bool cut = (arrived.message->msg_flags & MSG_TRUNC) != 0;
  if (size == 0 || size > largest_frame || cut) {
    malformed_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  if (format_.virtio_header) {
    const auto offload = offload_from(inbound().headers[arrived.place], size);
    if (!offload) {
      malformed_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    frame.offload = *offload;
  }
  if (size > part_bytes && !append(frame, scratch(arrived.place).first(size - part_bytes), pool_)) {
    starved_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  return !format_.auxiliary || put_back_tag(frame, *arrived.message);
}

// The kernel took the outer tag out of the frame and told it beside.
bool MessageSocket::put_back_tag(Frame& frame, const msghdr& message) {
  const cmsghdr* control = CMSG_FIRSTHDR(&message);
  if (control == nullptr || control->cmsg_level != SOL_PACKET ||
      control->cmsg_type != PACKET_AUXDATA)
    return true;
  tpacket_auxdata about;
  std::memcpy(&about, CMSG_DATA(control), sizeof about);
  if ((about.tp_status & TP_STATUS_VLAN_VALID) == 0 || frame.head < ethernet_header) return true;
  const uint16_t type = (about.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0
                            ? about.tp_vlan_tpid
                            : packet::ether_type::vlan;
  frame.data -= 4;
  frame.head += 4;
  frame.size += 4;
  std::memmove(frame.data, frame.data + 4, 12);
  const uint8_t tag[4] = {static_cast<uint8_t>(type >> 8), static_cast<uint8_t>(type),
                          static_cast<uint8_t>(about.tp_vlan_tci >> 8),
                          static_cast<uint8_t>(about.tp_vlan_tci)};
  std::memcpy(frame.data + 12, tag, sizeof tag);
  if (frame.offload.needs_checksum)
    frame.offload.checksum_start = static_cast<uint16_t>(frame.offload.checksum_start + 4);
  return true;
}

size_t MessageSocket::hand_over(std::span<Frame* const> frames) {
  Outbound& arrays = outbound();
  size_t count = 0;
  for (; count < std::min(frames.size(), burst); ++count) {
    const Frame& frame = *frames[count];
    iovec* parts = arrays.parts[count];
    size_t used = 0;
    if (format_.virtio_header) {
      offload_to(frame.offload, arrays.headers[count]);
      parts[used++] = {arrays.headers[count], virtio_header_size};
    }
    const size_t more = gather(frame, {parts + used, most_parts});
    if (more == 0) break;  // in more parts than any frame of ours
    arrays.messages[count] = {};
    arrays.messages[count].msg_hdr.msg_iov = parts;
    arrays.messages[count].msg_hdr.msg_iovlen = used + more;
  }
  size_t sent = 0;
  while (sent < count) {
    const int done = ::sendmmsg(socket_.get(), arrays.messages + sent,
                                static_cast<unsigned>(count - sent), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) failed(errno);
    if (done <= 0) break;
    sent += static_cast<size_t>(done);
  }
  return sent;
}

size_t MessageSocket::send(std::span<Frame* const> frames) {
  size_t sent = 0;
  while (up() && sent < frames.size()) {
    const size_t done = hand_over(frames.subspan(sent));
    sent += done;
    if (done < burst) break;
  }
  for (Frame* frame : frames) release(frame);
  return sent;
}

}  // namespace bridle::net
