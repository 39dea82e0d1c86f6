#include "switch/announcements.h"

#include <cstring>

namespace bridle::net {
namespace {

constexpr uint16_t rarp = 0x8035;
constexpr uint8_t request = 1, reverse_request = 3;

MacAddress mac_of(uint64_t key) {
  MacAddress mac;
  std::memcpy(mac.bytes.data(), &key, mac.bytes.size());
  return mac;
}

}  // namespace

std::array<uint8_t, announcement_size> bytes_of(const Announcement& announcement) {
  const bool is_arp = !announcement.address.is_unspecified();
  const uint16_t type = is_arp ? packet::ether_type::arp : rarp;
  std::array<uint8_t, announcement_size> bytes{};
  const auto put = [&bytes](size_t at, const auto& what) {
    std::memcpy(bytes.data() + at, what.data(), what.size());
  };
  put(0, MacAddress::broadcast().bytes);
  put(6, announcement.mac.bytes);
  put(12, packet::Be16::of(type).bytes);
  constexpr std::array<uint8_t, 6> ethernet_ipv4{0, 1, 8, 0, 6, 4};
  put(14, ethernet_ipv4);
  bytes[21] = is_arp ? request : reverse_request;
  put(22, announcement.mac.bytes);
  if (is_arp) {
    put(28, announcement.address.v4().bytes);
    put(38, announcement.address.v4().bytes);
  } else {
    put(32, announcement.mac.bytes);
  }
  return bytes;
}

void announce_port(const Snapshot& snapshot, GroupIndex group, PortIndex port, PortIndex uplink,
                   std::vector<Announcement>& into) {
  const PortView& view = snapshot.port(port);
  for (const uint64_t key : snapshot.macs(view)) {
    const Announcement rarp_only{snapshot.group(group).id, snapshot.port(uplink).id, mac_of(key),
                                 IpAddress{}};
    into.push_back(rarp_only);
    for (const Lease& lease : snapshot.group_config(group).registry) {
      if (lease.mac != rarp_only.mac || !lease.address.is_v4()) continue;
      Announcement arp = rarp_only;
      arp.address = lease.address;
      into.push_back(arp);
    }
  }
}

}  // namespace bridle::net
