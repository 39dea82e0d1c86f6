// The descriptors that join a switch's port to something (wire/port_record.h), made by the kind of
// its order. Whatever dies with its last descriptor (sockets) is made anew for each process of a
// switch, so nothing of it has to be kept; what must outlive them (a TAP, a namespace) stays in the
// kernel under a name that derives from root, zone and port.
//
// Thread class: free functions; one thread.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/layout.h"
#include "base/result.h"
#include "jail/port_order.h"
#include "wire/port_record.h"

namespace bridle::jail {

struct PortEnd {
  wire::PortRecord record{};
  std::vector<Fd> descriptors;
  std::string device;  // the host's name of it
};

// QEMU's end is taken from QEMU itself (pidfd_getfd) and must be the socket that the jail bound for
// this interface; the new end is bound to netI.switch, both are connected to each other.
Result<PortEnd> make_datagram(const Layout& layout, const PortOrder& order, int qemu_pidfd);
// The TAP of the host; made if it is not there. Code::conflict: somebody holds it, who can be only
// the switch that was given it.
Result<PortEnd> make_tap(const Layout& layout, uint32_t zone, uint32_t port,
                         const PortOrder& order);
Status remove_tap(const Layout& layout, uint32_t zone, uint32_t port);
Result<PortEnd> make_packet(const PortOrder& order);
// With the program that redirects what comes in on the queue. Code::conflict: the device has
// another program, or the socket of a process that just died is not gone yet.
Result<PortEnd> make_xdp(const PortOrder& order);
// Side 0 and what both sides share: zeroed memory, an eventfd that wakes each side.
Result<PortEnd> make_ring(const PortOrder& order);

// A TAP in this process's network namespace, persistent. Code::conflict: somebody holds it.
Result<Fd> open_tap(const std::string& name);
constexpr uint16_t virtio_header_size = 10;
std::string alias_of(const Layout& layout);  // of every network device that is of this root
uint32_t mtu_of(const PortOrder& order);

}  // namespace bridle::jail
