#include "jail/switch_record.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "base/layout.h"
#include "jail/sealed_record.h"
#include "jail/validate.h"

namespace bridle::jail {
namespace {

constexpr uint32_t switch_magic = 0x31535742;      // "BWS1"
constexpr uint32_t port_state_magic = 0x31505742;  // "BWP1"
constexpr uint32_t format_version = 1;
constexpr const char* switch_name = "a switch's record";
constexpr const char* port_name = "a port's record";

struct SwitchBytes {
  uint32_t magic, version;
  Limits limits;
  uint64_t start_time;
  uint32_t pid, zone;
  uint8_t host_boot[16];
  uint32_t reserved, checksum;
};
static_assert(sizeof(SwitchBytes) == 88 && std::is_trivially_copyable_v<SwitchBytes>);

struct PortBytes {
  uint32_t magic, version;
  uint32_t zone, port;
  PortOrder order;
  uint64_t given_start[2];
  uint32_t given_pid[2];
  uint32_t link, forward_count;
  NatForward forwards[max_forwards];
  uint32_t reserved, checksum;
};
static_assert(sizeof(PortBytes) == 520 && std::is_trivially_copyable_v<PortBytes>);

}  // namespace

std::string encode(const SwitchRecord& record) {
  SwitchBytes bytes{};
  bytes.magic = switch_magic;
  bytes.version = format_version;
  bytes.limits = record.limits;
  bytes.start_time = record.process.start_time;
  bytes.pid = record.process.pid;
  bytes.zone = record.zone;
  std::memcpy(bytes.host_boot, record.host_boot.bytes.data(), sizeof bytes.host_boot);
  return sealed(bytes);
}

Result<SwitchRecord> decode_switch_record(std::string_view text) {
  BRIDLE_TRY(const SwitchBytes bytes, opened<SwitchBytes>(text, switch_magic, switch_name));
  if (bytes.zone < 1 || bytes.zone > Layout::max_zone)
    return corrupt_record(switch_name, " has no zone");
  SwitchRecord record;
  record.zone = bytes.zone;
  record.limits = bytes.limits;
  record.process = {bytes.pid, bytes.start_time};
  std::memcpy(record.host_boot.bytes.data(), bytes.host_boot, sizeof bytes.host_boot);
  return record;
}

std::string encode(const PortState& state) {
  PortBytes bytes{};
  bytes.magic = port_state_magic;
  bytes.version = format_version;
  bytes.zone = state.zone;
  bytes.port = state.port;
  bytes.order = state.order;
  for (size_t side = 0; side < 2; ++side) {
    bytes.given_pid[side] = state.given[side].pid;
    bytes.given_start[side] = state.given[side].start_time;
  }
  bytes.link = state.link;
  bytes.forward_count =
      static_cast<uint32_t>(std::min<size_t>(state.forwards.size(), max_forwards));
  std::copy_n(state.forwards.begin(), bytes.forward_count, bytes.forwards);
  return sealed(bytes);
}

Result<PortState> decode_port_state(std::string_view text) {
  BRIDLE_TRY(const PortBytes bytes, opened<PortBytes>(text, port_state_magic, port_name));
  if (bytes.forward_count > max_forwards || bytes.link > 0xffff)
    return corrupt_record(port_name, " breaks a bound");
  PortState state;
  state.zone = bytes.zone;
  state.port = bytes.port;
  state.order = bytes.order;
  for (size_t side = 0; side < 2; ++side)
    state.given[side] = {bytes.given_pid[side], bytes.given_start[side]};
  state.link = bytes.link;
  state.forwards.assign(bytes.forwards, bytes.forwards + bytes.forward_count);
  BRIDLE_CHECK(validate_port(state.zone, state.port, state.order).context(port_name));
  BRIDLE_CHECK(validate_forwards(state.forwards).context(port_name));
  return state;
}

}  // namespace bridle::jail
