// PortRecord: how the jail hands a switch what a port is joined to. Fixed-size records with
// descriptors beside them, on a SOCK_SEQPACKET unix socket (run/s/ZONE/jail.sock): the switch
// inherits it listening (descriptor switch_jail_fd) and accepts whoever comes, for only root can
// connect; one connection at a time is in use, the newest. The jail reads nothing from it.
//
// A `give` for a port that has descriptors already replaces them (a jail that was killed between
// the hand-over and its note of it says it again; a guest that was started anew has another
// socket). A port may be given before or after the configuration that names it.
//
//   kind       descriptors (all close-on-exec, non-blocking)
//   datagram   [0] unix datagram socket, connected to QEMU's: one frame a datagram, no header
//   tap, nat   [0] TAP: IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, a virtio_net_hdr of `header_size` bytes
//   af_packet  [0] raw packet socket bound to `host_index`, promiscuous, without outgoing frames,
//              PACKET_VNET_HDR on; no ring is set up
//   af_xdp     [0] AF_XDP socket bound to `host_index` and `queue`, copy mode, its four rings of
//              `ring_entries` made (map them by XDP_MMAP_OFFSETS)
//              [1] memfd of `bytes`: its UMEM, `frame_size` bytes a frame; the fill ring is empty
//              [2] the link that keeps the redirecting program on the device: hold it, no more
//   ring       [0] memfd of `bytes`, sealed against change of size, zero when new
//              [1] eventfd that wakes side 0, [2] eventfd that wakes side 1; this switch is `side`
//
// Thread class: values.
#pragma once

#include <cstdint>
#include <type_traits>

namespace bridle::wire {

// Descriptors and folders that a switch finds.
constexpr int switch_control_fd = 10;                      // listening: bridled's JSON lines
constexpr int switch_jail_fd = 11;                         // listening: these records
constexpr const char* switch_guests_folder = "/g";         // run/g, read-only
constexpr const char* switch_run_folder = "/s";            // run/s/ZONE, read-only
constexpr const char* switch_state_folder = "/state";      // ROOT/switch/ZONE, its own
constexpr const char* switch_pages_folder = "/hugepages";  // hugetlbfs, if the host reserved any

constexpr uint32_t port_magic = 0x31505342;  // "BSP1"
constexpr uint16_t port_version = 1;

enum class PortAct : uint16_t {
  give = 1,
  take = 2,  // the port is closed: let its descriptors go. No descriptors
};

enum class PortKind : uint8_t {
  none = 0,
  datagram = 1,
  tap = 2,
  af_packet = 3,
  af_xdp = 4,
  nat = 5,
  ring = 6,
};

struct PortRecord {
  uint32_t magic;
  uint16_t version;
  PortAct act;
  uint32_t port;  // net::Port::id
  PortKind kind;
  uint8_t side;           // ring: 0 or 1
  uint16_t header_size;   // tap, nat, af_packet: of the virtio_net_hdr, 10
  uint32_t mtu;           // bytes of payload of the host's device; 0: it has none (datagram, ring)
  uint32_t host_index;    // af_packet, af_xdp
  uint32_t queue;         // af_xdp
  uint32_t frame_size;    // af_xdp
  uint64_t bytes;         // ring, af_xdp: of the memfd
  uint32_t ring_entries;  // af_xdp: of each of its four rings
  uint8_t reserved[84];
};

static_assert(sizeof(PortRecord) == 128 && std::is_trivially_copyable_v<PortRecord>);

}  // namespace bridle::wire
