#include "packet/pcapng.h"

#include <algorithm>
#include <cstring>

namespace bridle::packet {

namespace {

enum : uint32_t { section = 0x0a0d0d0a, interface_description = 1, enhanced_packet = 6 };
constexpr uint32_t byte_order = 0x1a2b3c4d;
constexpr uint16_t ethernet = 1;
enum Option : uint16_t {
  end_of_options = 0,
  comment = 1,
  interface_name = 2,
  packet_flags = 2,
  application_name = 4,
  time_resolution = 9,
};

// One block: its length stands at both ends.
class Block {
 public:
  Block(std::vector<uint8_t>& out, uint32_t type) : out_(out), begin_(out.size()) {
    put(type);
    put(uint32_t{0});
  }

  template <typename T>
  void put(T number) {
    uint8_t bytes[sizeof(T)];
    std::memcpy(bytes, &number, sizeof(T));
    out_.insert(out_.end(), bytes, bytes + sizeof(T));
  }
  void bytes(std::span<const uint8_t> piece) {
    out_.insert(out_.end(), piece.begin(), piece.end());
  }
  void align() { out_.resize(begin_ + (out_.size() - begin_ + 3) / 4 * 4); }
  void option(Option code, std::span<const uint8_t> value) {
    put(static_cast<uint16_t>(code));
    put(static_cast<uint16_t>(value.size()));
    bytes(value);
    align();
  }
  void option(Option code, std::string_view text) {
    const size_t size = std::min<size_t>(text.size(), UINT16_MAX);
    if (size != 0) option(code, std::span(reinterpret_cast<const uint8_t*>(text.data()), size));
  }
  void finish() {
    put(uint32_t{end_of_options});
    const auto size = static_cast<uint32_t>(out_.size() + sizeof(uint32_t) - begin_);
    put(size);
    std::memcpy(&out_[begin_ + 4], &size, sizeof(size));
  }

 private:
  std::vector<uint8_t>& out_;
  size_t begin_;
};

}  // namespace

void append_section(std::vector<uint8_t>& out, std::string_view application) {
  Block block(out, section);
  block.put(byte_order);
  block.put(uint16_t{1});
  block.put(uint16_t{0});
  block.put(~uint64_t{0});  // the section's length is not said
  block.option(application_name, application);
  block.finish();
}

void append_interface(std::vector<uint8_t>& out, std::string_view name, uint32_t snap) {
  constexpr uint8_t nanoseconds[] = {9};
  Block block(out, interface_description);
  block.put(ethernet);
  block.put(uint16_t{0});
  block.put(snap);
  block.option(interface_name, name);
  block.option(time_resolution, nanoseconds);
  block.finish();
}

void append_packet(std::vector<uint8_t>& out, const CapturedPacket& packet,
                   std::span<const std::span<const uint8_t>> parts) {
  uint32_t captured = 0;
  for (const auto& part : parts) captured += static_cast<uint32_t>(part.size());
  Block block(out, enhanced_packet);
  block.put(packet.interface);
  block.put(static_cast<uint32_t>(packet.nanoseconds >> 32));
  block.put(static_cast<uint32_t>(packet.nanoseconds));
  block.put(captured);
  block.put(std::max(packet.size, captured));
  for (const auto& part : parts) block.bytes(part);
  block.align();
  block.option(comment, packet.comment);
  const uint8_t flags[4] = {static_cast<uint8_t>(packet.direction), 0, 0, 0};
  if (packet.direction != Direction::unknown) block.option(packet_flags, flags);
  block.finish();
}

}  // namespace bridle::packet
