// PortRecord: how the jail hands a switch the descriptors of its ports, over the switch's jail.sock
// (SOCK_SEQPACKET; the switch listens, the jail connects), one record a packet, descriptors beside
// it (SCM_RIGHTS). Both sides copy a record and compare bounds; nothing is parsed.
//
//   switch -> jail   want    port P of kind K has no descriptor, or the one it had is dead. Sent
//   for
//                            each such port when the jail connects, and when it changes. No answer
//                            is owed: what the jail cannot make yet it gives when it can
//   jail -> switch   give    the descriptors of port P. An earlier set of that port is closed
//   switch -> jail   took    with the serial of the give
//   switch -> jail   refused the same, `error` and `message` say why; the descriptors are closed
//   jail -> switch   revoke  the switch closes what it has of port P. No answer
//
// A give may come before the switch's configuration knows the port: it is kept until then.
//
// Descriptors by kind, in this order, and what must be true of them:
//   datagram   [0] unix datagram socket, connected to QEMU's end, and QEMU's to it (both named)
//   tap        [0] /dev/net/tun after TUNSETIFF with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, the link
//              up; the switch itself sets header size and offloads
//   af_packet  [0] AF_PACKET SOCK_RAW socket, bound to the interface with ETH_P_ALL, promiscuous;
//              the switch itself asks for PACKET_VNET_HDR, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING
//   af_xdp     [0] AF_XDP socket, bound; its program and map installed by the jail
//              [1] memfd that is its umem, sealed against shrinking and growing. `xdp` has the
//              geometry. Made anew for each process of a switch, never kept: who owns which frame
//              of the umem dies with the process (src/switch/drivers/af_xdp.h)
//   ring       [0] memfd of ring_memory bytes, zeroed, sealed against shrinking and growing
//              [1] eventfd that this side reads: the other has put frames in
//              [2] eventfd that this side writes
//              `side` 0 or 1: each of the two switches gets the other one, eventfds swapped
//
// Little-endian, zero-padded, of one size. Thread class: values.
#pragma once

#include <cstdint>
#include <type_traits>

namespace bridle::wire {

constexpr uint32_t port_record_magic = 0x31504c42;  // "BLP1"
constexpr uint16_t port_record_version = 1;

enum class PortVerb : uint16_t { want = 1, give = 2, took = 3, refused = 4, revoke = 5 };
enum class PortDescriptor : uint16_t { datagram = 1, tap = 2, af_packet = 3, af_xdp = 4, ring = 5 };

constexpr uint32_t port_descriptors(PortDescriptor kind) {
  return kind == PortDescriptor::ring ? 3 : kind == PortDescriptor::af_xdp ? 2 : 1;
}

// Bytes of a ring's memfd (src/switch/drivers/ring.h has what is in it).
constexpr uint64_t ring_data = 2 << 20;  // of each direction
constexpr uint64_t ring_memory = 2 * (4096 + ring_data);

// Entries of the four rings are powers of two, set by the jail before bind(). Of the umem's
// `frames` the first half is the switch's to receive into, the second to send from; so fill and
// completion hold at least half of `frames` each, and the memfd frames * frame_bytes bytes.
struct XdpGeometry {
  uint32_t frame_bytes;  // 2048 or 4096
  uint32_t frames;       // a power of two
  uint32_t fill, completion, receive, send;
};

struct PortRecord {
  uint32_t magic;
  uint16_t version;
  PortVerb verb;
  uint64_t serial;  // the jail's; took and refused repeat it
  uint32_t port;    // net::Port::id
  PortDescriptor kind;
  uint16_t side;   // of a ring
  uint32_t count;  // descriptors beside the record
  int32_t error;   // refused: a bridle::Code + 1
  XdpGeometry xdp;
  char message[64];  // NUL-terminated
  uint8_t reserved[8];
};
static_assert(sizeof(PortRecord) == 128 && std::is_trivially_copyable_v<PortRecord>);

}  // namespace bridle::wire
