// Announcements: frames by which the physical network learns, at once, behind which uplink an
// address is now: after a team chose another uplink, and when a guest arrived. For each address a
// RARP request (RFC 903; what hypervisors send, for every switch learns from it and no host minds),
// and for each IPv4 address that the registry gives it a gratuitous ARP (RFC 5227, announcement).
//
// Control lists them, worker 0 sends them, a few in each turn.
//
// Thread class: the list is immutable; `next` is worker 0's.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <vector>

#include "switch/frame.h"
#include "switch/snapshot.h"

namespace bridle::net {

struct Announcement {
  // Ids: places are another snapshot's by the time it is sent.
  uint32_t group = 0, uplink = 0;
  MacAddress mac;
  IpAddress address;  // unspecified: RARP
};

struct Announcements {
  std::vector<Announcement> list;
  std::atomic<size_t> next{0};
  bool done() const { return next.load() >= list.size(); }
};

constexpr uint32_t announcement_size = 60;
// The frame's bytes.
std::array<uint8_t, announcement_size> bytes_of(const Announcement& announcement);

// All that there is to say of one port in one group.
void announce_port(const Snapshot& snapshot, GroupIndex group, PortIndex port, PortIndex uplink,
                   std::vector<Announcement>& into);

}  // namespace bridle::net
