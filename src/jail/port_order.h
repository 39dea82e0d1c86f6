// What a switch's port is joined to, as bridled orders it (Verb::port_open): the body of a request,
// and what the jail keeps of it on disk (run/s/ZONE/port.ID) to make it again for the next process
// of that switch, also while bridled is dead. Numbers only, little-endian, zero where a kind has no
// use for a field.
//
//   datagram   an interface of a running guest: `guest`, `boot`, `interface`
//   tap        a TAP device of the host, named "bt" and a number that derives from root, zone and
//              port; `bridge` is the host's bridge it is put into, 0: none
//   af_packet  `device`: the host's interface that is shared as it is
//   af_xdp     `device` and `queue`
//   nat        a network namespace with masquerading (docs/network-nat.md): `mac`, `gateway4` and
//              `prefix4`, `gateway6` and `prefix6` (128 bits counted from 128; 0: no IPv6),
//              `resolver`: where port 53 of the gateway leads (IPv4: ::ffff:a.b.c.d; zero: no DNS),
//              `nat_flags`
//   ring       to port `peer_port` of zone `peer_zone`: `bytes` of shared memory. Said once, for
//              both sides; this one is side 0
//
// Thread class: values.
#pragma once

#include <cstdint>
#include <type_traits>

#include "wire/port_record.h"

namespace bridle::jail {

using wire::PortKind;

enum NatFlag : uint8_t {
  nat_outside = 1,  // guests reach beyond the host; without: each other and the gateway only
  nat_host = 2,     // guests reach the host's own addresses, too
};

struct PortOrder {
  PortKind kind;
  uint8_t nat_flags;
  uint8_t prefix4;  // bits, 8 .. 30
  uint8_t prefix6;  // bits, 8 .. 126; 0: no IPv6
  uint32_t mtu;     // tap, nat: 576 .. 65521; 0: 1500
  uint8_t guest[16];
  uint64_t boot;
  uint32_t interface;  // 0 .. max_interfaces - 1
  uint32_t device;     // index of an interface of the host
  uint32_t queue;      // 0 .. 4095
  uint32_t bridge;
  uint64_t bytes;  // ring: 4 KiB .. 64 MiB, whole pages
  uint32_t peer_zone, peer_port;
  uint8_t mac[6];
  uint8_t reserved0[2];
  uint8_t gateway4[4];
  uint8_t gateway6[16];
  uint8_t resolver[16];
  uint8_t reserved[20];
};
static_assert(sizeof(PortOrder) == 128 && std::is_trivially_copyable_v<PortOrder>);

// One port of the host that leads to a guest behind a nat port (Verb::nat_forwards).
struct NatForward {
  uint8_t protocol;    // 6: TCP, 17: UDP
  uint8_t family;      // 4 or 6
  uint16_t host_port;  // of every address of the host; each protocol's once in a list
  uint16_t guest_port;
  // IPv4: the address in the first four bytes. IPv6: the last eight bytes of the address, the first
  // are the network's (prefix6 64 or more).
  uint8_t guest[8];
};
static_assert(sizeof(NatForward) == 14 && std::is_trivially_copyable_v<NatForward>);
constexpr unsigned max_forwards = 24;

}  // namespace bridle::jail
