// rooms: switch
// fuzz: -max_len=4096
// Frames from hostile guests and networks, with hostile offload requests, through a whole switch:
// access, trunk and tagging ports, uplinks that can nothing, mirrors, learning. The books close
// after every input, every frame goes back to the pool, and whatever a guest without rights sent
// arrives from an address of its own.
//
// Each frame: port, flags, segment size, checksum place (6 bytes), size (2 bytes), bytes.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "switch/cases/team_cases.h"
#include "switch/cases/vlan_cases.h"

namespace {

using namespace bridle::net;
using namespace bridle::net::testing;
namespace packet = bridle::packet;

void require(bool holds) {
  if (!holds) std::abort();
}

Config configuration() {
  return with(vlans(), [](Config& config) {
    config.ports[1].learning.most = 3;
    config.ports[1].security = Security{true, true, false};
    config.ports.push_back(plain_port(40, PortKind::mirror));
    config.mirrors = {{1, {}, {1}, 40, 30}};
  });
}

// The input, read from front to back.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}
  uint8_t byte() {
    if (rest_.empty()) return 0;
    const uint8_t first = rest_[0];
    rest_ = rest_.subspan(1);
    return first;
  }
  uint16_t number() {
    const uint8_t high = byte();
    return static_cast<uint16_t>(high << 8 | byte());
  }
  Bytes bytes(size_t count) {
    const auto part = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(part.size());
    return {part.begin(), part.end()};
  }
  bool empty() const { return rest_.empty(); }

 private:
  std::span<const uint8_t> rest_;
};

void push_one(World& world, Input& input) {
  constexpr uint32_t ports[] = {1, 2, 3, 4, 5, 6, uplink_id, 40};
  const uint8_t flags = input.byte();
  Offload offload;
  offload.needs_checksum = (flags & 8) != 0;
  offload.segmentation = static_cast<Offload::Segmentation>(flags >> 4 & 7);
  offload.segment_size = input.number();
  offload.checksum_start = input.number();
  offload.checksum_offset = input.byte();
  const Bytes frame = input.bytes(input.number() % 2048);
  if (!frame.empty()) world.at(ports[flags & 7]).push(frame, offload);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  World world(configuration(), 512);
  Input input(data, size);
  while (!input.empty()) push_one(world, input);
  world.settle();
  require(world.sw.check_conservation().ok());
  require(world.pool.free() == world.pool.size());
  // Guest 3 is alone in its group: only guest 4 (mac 4, by tag) and the uplink reach it.
  for (const auto& sent : world.at(3).sent()) {
    packet::Headers h;
    require(packet::parse(sent.bytes, static_cast<uint32_t>(sent.bytes.size()), h) ==
            packet::Parse::ok);
    require(h.source != mac(1) && h.source != mac(2) && h.source != mac(3) && h.tags == 0);
  }
  return 0;
}
