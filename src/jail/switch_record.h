// What the jail keeps on disk of a switch and of each of its ports, so that it makes all of it
// again by itself: after its own death, the switch's, or both. Little-endian, magic, version,
// checksum; written as incomplete, then renamed; not synced (record.h says why).
//
//   run/s/ZONE/record    which process the switch is, and its limits. pid 0: it is being started
//   run/s/ZONE/port.ID   what a port is joined to (PortOrder), the forwards of a nat port, and
//                        which process of the switch has its descriptors already
//
// Thread class: pure functions; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "jail/protocol.h"
#include "jail/record.h"

namespace bridle::jail {

struct SwitchRecord {
  uint32_t zone = 0;
  Limits limits{};
  ProcessId process;
  Uuid host_boot;
};

struct PortState {
  uint32_t zone = 0;
  uint32_t port = 0;
  PortOrder order{};
  uint32_t link = 0;  // nat: number of its link to the host (nat.h); 0: none
  std::vector<NatForward> forwards;
  std::array<ProcessId, 2> given;  // who has side 0 (zone's switch), side 1 (a ring's peer)
};

std::string encode(const SwitchRecord& record);
std::string encode(const PortState& state);
// Code::corrupt when size, magic, version, checksum or a rule of validate.h do not fit; refused: a
// newer Bridle's.
Result<SwitchRecord> decode_switch_record(std::string_view bytes);
Result<PortState> decode_port_state(std::string_view bytes);

}  // namespace bridle::jail
