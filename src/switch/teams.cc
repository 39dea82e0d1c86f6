#include "switch/teams.h"

#include <cstring>
#include <map>

namespace bridle::net {
namespace {

constexpr uint64_t mix(uint64_t number) {
  number *= 0x9e3779b97f4a7c15;
  return number >> 32;
}

uint64_t half(const IpAddress& address, size_t which) {
  uint64_t number = 0;
  std::memcpy(&number, address.bytes.data() + which * 8, 8);
  return number;
}

// The same for both directions is not needed: each side chooses for what it sends.
uint64_t flow_hash(const packet::Headers& h) {
  uint64_t sum = mix(half(h.from, 0) + mix(half(h.from, 1)));
  sum = mix(sum + half(h.to, 0) + mix(half(h.to, 1)));
  const bool ports = h.fragment_offset == 0 && !h.fragment;
  if (ports) sum += uint64_t{h.source_port} << 16 | h.destination_port;
  return mix(sum + h.protocol + (h.network == packet::Network::other ? h.source.key() : 0));
}

// Which n-th uplinks are down in some group of each fate.
using Fates = std::map<std::pair<uint32_t, size_t>, bool>;

Fates judge_fates(const Snapshot& snapshot, const std::vector<bool>& up) {
  Fates down;
  for (size_t g = 0; g < snapshot.group_count(); ++g) {
    const auto group = static_cast<GroupIndex>(g);
    const uint32_t fate = snapshot.group_config(group).fate;
    if (fate == 0) continue;
    const auto uplinks = snapshot.uplinks(snapshot.group(group));
    for (size_t i = 0; i < uplinks.size(); ++i)
      if (!up[uplinks[i]]) down[{fate, i}] = true;
  }
  return down;
}

}  // namespace

Teams::Teams(const Snapshot& snapshot, const std::vector<bool>& up) {
  const Fates fates = judge_fates(snapshot, up);
  teams_.resize(snapshot.group_count());
  for (size_t g = 0; g < teams_.size(); ++g) {
    const auto group = static_cast<GroupIndex>(g);
    const uint32_t fate = snapshot.group_config(group).fate;
    if (fate == 0) {
      fill(snapshot, group, up);
      continue;
    }
    std::vector<bool> together = up;
    const auto uplinks = snapshot.uplinks(snapshot.group(group));
    for (size_t i = 0; i < uplinks.size(); ++i)
      if (fates.contains({fate, i})) together[uplinks[i]] = false;
    fill(snapshot, group, together);
  }
}

void Teams::fill(const Snapshot& snapshot, GroupIndex group, const std::vector<bool>& up) {
  Team& team = teams_[group];
  const auto uplinks = snapshot.uplinks(snapshot.group(group));
  team.count = static_cast<uint8_t>(uplinks.size());
  for (size_t i = 0; i < uplinks.size(); ++i) {
    team.place[i] = no_port;
    for (size_t k = 0; k < uplinks.size() && team.place[i] == no_port; ++k) {
      const PortIndex other = uplinks[(i + k) % uplinks.size()];
      if (up[other] && snapshot.port(other).link) team.place[i] = other;
    }
    team.any = team.any || team.place[i] != no_port;
  }
}

PortIndex Teams::choose(const Snapshot& snapshot, const Frame& frame) const {
  const Team& team = teams_[frame.group];
  if (!team.any) return no_port;
  switch (snapshot.group(frame.group).teaming) {
    case Teaming::active_standby:
      return team.place[0];
    case Teaming::by_port:
      return frame.from == no_port ? team.place[0]
                                   : team.place[snapshot.port(frame.from).id % team.count];
    case Teaming::by_mac:
      return team.place[mix(frame.headers.source.key()) % team.count];
    case Teaming::by_hash:
      return team.place[flow_hash(frame.headers) % team.count];
  }
  return no_port;
}

PortIndex Teams::home_of(const Snapshot& snapshot, GroupIndex group, PortIndex member) const {
  const Team& team = teams_[group];
  if (!team.any) return no_port;
  const PortView& port = snapshot.port(member);
  switch (snapshot.group(group).teaming) {
    case Teaming::active_standby:
    case Teaming::by_hash:
      return team.place[0];
    case Teaming::by_port:
      return team.place[port.id % team.count];
    case Teaming::by_mac:
      return team.place[mix(port.mac) % team.count];
  }
  return no_port;
}

bool Teams::takes_from(const Snapshot& snapshot, GroupIndex group, PortIndex member,
                       PortIndex uplink) const {
  if (snapshot.group(group).teaming == Teaming::by_hash || teams_[group].count < 2) return true;
  const PortIndex home = home_of(snapshot, group, member);
  return home == uplink || home == no_port;
}

}  // namespace bridle::net
