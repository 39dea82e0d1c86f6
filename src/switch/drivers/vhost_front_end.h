// FrontEnd: QEMU's role in vhost-user, for tests: listens where a switch connects, shares memory,
// sets up two queues, sends and receives; and can say and write anything else.
//
// The memory: queue q at q * 64 KiB (descriptors, then avail at + 0x4000, used at + 0x8000),
// buffers from 1 MiB on. Guest-physical and user addresses are offsets into it.
//
// Thread class: one thread, for tests.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"

namespace bridle::net::testing {

constexpr size_t front_memory = 4 << 20;
constexpr uint16_t front_queue = 64;  // entries

struct Descriptor {
  uint64_t address = 0;
  uint32_t length = 0;
  uint16_t flags = 0, next = 0;
};
enum DescriptorFlag : uint16_t { has_next = 1, for_device_to_write = 2, indirect = 4 };

class FrontEnd {
 public:
  explicit FrontEnd(const std::string& path, bool sealed = true);
  ~FrontEnd();
  FrontEnd(const FrontEnd&) = delete;
  FrontEnd& operator=(const FrontEnd&) = delete;

  // Waits for a connection, at most 10 s.
  bool accept();
  void hang_up() { peer_.reset(); }
  // False: the other side closed.
  bool say(uint32_t request, std::span<const uint8_t> payload, std::span<const int> fds = {});
  // Sends, and takes the answer's payload.
  std::vector<uint8_t> ask(uint32_t request, std::span<const uint8_t> payload);
  // The whole greeting: features, memory, both queues, enabled.
  bool set_up(uint64_t features = default_features);
  bool share_memory(uint64_t size, uint64_t offset = 0);

  static constexpr uint64_t default_features = uint64_t{1} << 32 | uint64_t{1} << 30 | 1 << 15;

  uint8_t* bytes() { return bytes_; }
  int memory() const { return memory_.get(); }
  Descriptor* table(unsigned queue) {
    return reinterpret_cast<Descriptor*>(bytes_ + queue * 0x10000);
  }
  uint16_t* avail(unsigned queue) {
    return reinterpret_cast<uint16_t*>(bytes_ + queue * 0x10000 + 0x4000);
  }
  volatile uint16_t* used(unsigned queue) {
    return reinterpret_cast<volatile uint16_t*>(bytes_ + queue * 0x10000 + 0x8000);
  }
  // Makes descriptor `head` available.
  void offer(unsigned queue, uint16_t head);
  void kick(unsigned queue);
  // A frame behind its virtio header, in one descriptor.
  void send_frame(std::span<const uint8_t> frame);

 private:
  bool set_up_queue(unsigned queue);

  Fd listener_, peer_, memory_, kicks_[2], calls_[2];
  uint8_t* bytes_ = nullptr;
};

}  // namespace bridle::net::testing
