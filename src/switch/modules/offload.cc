#include "switch/modules/offload.h"

#include "packet/segment.h"
#include "switch/plane.h"

namespace bridle::net {
namespace {

constexpr uint16_t tcp_checksum = 16, udp_checksum = 6;
constexpr size_t most_parts = 64;  // of a chain: 65,553 bytes in parts of 1 KiB and more
constexpr uint32_t usual_part = 2048;

struct Parts {
  std::array<packet::Room, most_parts> rooms;
  std::array<packet::Part, most_parts> parts;
  size_t count = 0;
  bool complete = false;

  explicit Parts(Frame& frame) {
    Frame* part = &frame;
    for (; part != nullptr && count < most_parts; part = part->next, ++count) {
      rooms[count] = part->bytes();
      parts[count] = part->bytes();
    }
    complete = part == nullptr;
  }
};

// The offload of a large frame as it must be; false: it is not what it says.
bool correct_segmentation(Frame& frame) {
  const packet::Headers& h = frame.headers;
  Offload& offload = frame.offload;
  const bool tcp = h.protocol == packet::protocol::tcp;
  const bool udp = h.protocol == packet::protocol::udp;
  const bool fits =
      (offload.segmentation == Offload::tcp4 && tcp && h.network == packet::Network::ipv4) ||
      (offload.segmentation == Offload::tcp6 && tcp && h.network == packet::Network::ipv6) ||
      (offload.segmentation == Offload::udp_l4 && udp);
  if (!fits || h.transport_offset == 0 || h.fragment || offload.segment_size == 0) return false;
  const uint32_t payload = frame.size - h.payload_offset;
  if (payload / offload.segment_size > packet::most_segments) return false;
  offload.header_size = h.payload_offset;
  offload.needs_checksum = true;
  offload.checksum_start = h.transport_offset;
  offload.checksum_offset = tcp ? tcp_checksum : udp_checksum;
  return true;
}

class CheckOffloads final : public Module {
 public:
  void process(Batch& batch, Context& /*context*/) const override {
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const uint32_t i = Batch::first(rest);
      Frame& frame = *batch.frames[i];
      const Offload& offload = frame.offload;
      if (offload.segmentation != Offload::none) {
        if (!correct_segmentation(frame)) batch.drop(i, Drop::bad_offload);
      } else if (offload.needs_checksum &&
                 !packet::is_checksum_place(frame.headers, frame.bytes(), offload.checksum_start,
                                            offload.checksum_offset)) {
        batch.drop(i, Drop::bad_offload);
      }
    }
  }
};

// A frame of that size, in as many parts as the pool needs. Null: it is empty.
Frame* take_chain(FramePool& pool, uint32_t size) {
  Frame* first = pool.take(std::min(size, usual_part));
  if (first == nullptr) return nullptr;
  first->size = size;
  uint32_t left = size - first->head;
  for (Frame* last = first; left > 0; last = last->next) {
    last->next = pool.take(std::min(left, usual_part));
    if (last->next == nullptr) {
      pool.give(first);
      return nullptr;
    }
    left -= last->next->head;
  }
  return first;
}

void copy_knowledge(const Frame& from, Frame& to) {
  to.from = from.from;
  to.to = from.to;
  to.group = from.group;
  to.vlan = from.vlan;
  to.mirrored = from.mirrored;
  to.headers = from.headers;
}

void release_all(Frame* frame) {
  while (frame != nullptr) {
    Frame* after = frame->after;
    release(frame);
    frame = after;
  }
}

class DoOffloads final : public Module {
 public:
  void process(Batch& batch, Context& context) const override {
    const Abilities able = abilities(context);
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const uint32_t i = Batch::first(rest);
      Frame& frame = *batch.frames[i];
      const Offload& offload = frame.offload;
      if (offload.segmentation != Offload::none) {
        if (!can_segment(able, offload.segmentation)) cut(batch, i, able, context);
      } else if (frame.size > able.largest) {
        batch.drop(i, Drop::cannot_segment);
      } else if (offload.needs_checksum && !able.checksum) {
        complete(batch, i);
      }
    }
  }

 private:
  // A port that nobody is behind (a question) can everything.
  static Abilities abilities(const Context& context) {
    const Driver* driver = context.plane.driver(context.index);
    return driver == nullptr ? Abilities{true, true, true, true, largest_frame}
                             : driver->abilities();
  }

  static bool can_segment(const Abilities& able, Offload::Segmentation kind) {
    return able.checksum && (kind == Offload::tcp4   ? able.segments4
                             : kind == Offload::tcp6 ? able.segments6
                                                     : able.segments_udp);
  }

  static void complete(Batch& batch, uint32_t i) {
    Frame& frame = *batch.frames[i];
    const Parts parts(frame);
    const bool done = parts.complete && packet::complete_checksum({parts.rooms.data(), parts.count},
                                                                  frame.offload.checksum_start,
                                                                  frame.offload.checksum_offset);
    if (!done) return batch.drop(i, Drop::bad_offload);
    frame.offload = Offload{};
  }

  static void cut(Batch& batch, uint32_t i, const Abilities& able, Context& context) {
    Frame& frame = *batch.frames[i];
    const Parts parts(frame);
    if (!parts.complete) return batch.drop(i, Drop::cannot_segment);
    auto segmenter = packet::Segmenter::begin(
        {parts.parts.data(), parts.count},
        static_cast<packet::Segmentation>(frame.offload.segmentation), frame.offload.segment_size);
    if (!segmenter) return batch.drop(i, Drop::bad_offload);
    if (segmenter->next_size() > able.largest) return batch.drop(i, Drop::cannot_segment);
    Frame* first = make_segments(*segmenter, frame, context.pool);
    if (first == nullptr) return batch.drop(i, Drop::no_frames);
    // Of one frame come several: all but one are new.
    context.cause_of(frame).made.add(segmenter->count() - 1);
    context.counters.queued.add(segmenter->count() - 1);
    release(&frame);
    batch.frames[i] = first;
  }

  static Frame* make_segments(packet::Segmenter& segmenter, const Frame& frame, FramePool& pool) {
    Frame* first = nullptr;
    Frame** next = &first;
    while (const uint32_t size = segmenter.next_size()) {
      Frame* segment = take_chain(pool, size);
      if (segment == nullptr) {
        release_all(first);
        return nullptr;
      }
      const Parts rooms(*segment);
      segmenter.next({rooms.rooms.data(), rooms.count});
      copy_knowledge(frame, *segment);
      *next = segment;
      next = &segment->after;
    }
    return first;
  }
};

}  // namespace

const ModuleKind offload_module{
    .name = "offload",
    .ingress = true,
    .egress = true,
    .make = [](const Snapshot&, Stage stage) -> std::unique_ptr<const Module> {
      if (stage == Stage::ingress) return std::make_unique<CheckOffloads>();
      return std::make_unique<DoOffloads>();
    },
    .required = true,
};

}  // namespace bridle::net
