// Answers: frames that the switch makes because of one that it got, and the bounded copy of what it
// must read to make them.
//
//   const bool sent = answer(context, question, [&](std::span<uint8_t> into) {
//     return packet::build_arp_reply(into, question.headers, mac);
//   });
//   sent ? batch.consume(i) : batch.drop(i, Drop::no_frames);
//
// An answer goes to the port that the question came in by, through its egress modules.
//
// Thread class: as module.h.
#pragma once

#include <array>
#include <cstring>
#include <span>

#include "switch/module.h"

namespace bridle::net {

constexpr size_t largest_answer = 1'514;

// The part of a frame from `offset` on, copied out of its parts; what was copied. Less than
// into.size(): the frame ends.
std::span<const uint8_t> copy_out(const Frame& frame, uint32_t offset, std::span<uint8_t> into);

// The payload of UDP as its header bounds it, copied out; empty: longer than `into`, a fragment, or
// no UDP.
std::span<const uint8_t> copy_udp(const Frame& frame, std::span<uint8_t> into);

// Sends these bytes as a frame of the switch's. False: no free frame, or nothing to send.
bool send_answer(Context& context, const Frame& question, std::span<const uint8_t> bytes);

// `write` builds the frame into the span it is given and says its size; 0: it could not.
template <typename Write>
bool answer(Context& context, const Frame& question, Write&& write) {
  std::array<uint8_t, largest_answer> bytes;
  const size_t size = write(std::span<uint8_t>(bytes));
  return send_answer(context, question, std::span(bytes).first(size));
}

// The router's advertisement for the group of the question, to whoever asked, or to all nodes (of
// this port) where the asker has no address yet. See modules/arp_nd.h.
struct Services;
bool advertise_router(Context& context, const Frame& question, const Services& services);

}  // namespace bridle::net
