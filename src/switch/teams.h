// Teams: which uplink a group uses, from the snapshot and from which uplinks are up.
//
//   active_standby  the first that is up
//   by_port         by the sender's port: one guest, one uplink
//   by_mac          by the source address
//   by_hash         by addresses and ports of the flow (the physical switch must aggregate: LACP
//   off)
//
// A choice falls on a configured place; where that is down, on the next one that is up: what is on
// other uplinks stays there. Group frames that come in are taken only from the uplink that their
// receiver would send by, for the physical network sends them to all (by_hash: an aggregate brings
// them once). Fate: groups with the same number (not 0) treat their n-th uplinks as one: if any is
// down, all are.
//
// Thread class: immutable.
#pragma once

#include <array>
#include <vector>

#include "switch/snapshot.h"

namespace bridle::net {

class Teams {
 public:
  // `up`: of each port of the snapshot.
  Teams(const Snapshot& snapshot, const std::vector<bool>& up);

  // For a frame that leaves; no_port: no uplink is up.
  PortIndex choose(const Snapshot& snapshot, const Frame& frame) const;
  // Does `member` take group frames that came in by `uplink`?
  bool takes_from(const Snapshot& snapshot, GroupIndex group, PortIndex member,
                  PortIndex uplink) const;
  // By which uplink the port's own address is announced; no_port: none.
  PortIndex home_of(const Snapshot& snapshot, GroupIndex group, PortIndex member) const;

 private:
  struct Team {
    uint8_t count = 0;
    std::array<PortIndex, 8> place{};  // of each configured place, who stands in for it now
    bool any = false;                  // one is up
  };
  void fill(const Snapshot& snapshot, GroupIndex group, const std::vector<bool>& up);
  std::vector<Team> teams_;
};

}  // namespace bridle::net
