#include "switch/modules/source_guard.h"

#include "packet/dhcp.h"
#include "switch/modules/services.h"

namespace bridle::net {
namespace {

using packet::Headers;
using packet::Network;

// ICMPv6 that hosts send before they have an address.
bool is_early_icmp(uint16_t type) {
  constexpr uint16_t report = 131, done = 132, router_solicitation = 133,
                     neighbor_solicitation = 135, report_v2 = 143;
  return type == report || type == done || type == router_solicitation ||
         type == neighbor_solicitation || type == report_v2;
}

bool is_before_an_address(const Headers& h) {
  if (!h.from.is_unspecified() || h.fragment_offset != 0) return false;
  if (h.network == Network::ipv6)
    return h.from == IpAddress{} && h.protocol == packet::protocol::icmpv6 &&
           h.transport_offset != 0 && is_early_icmp(h.source_port);
  if (h.protocol == packet::protocol::igmp) return true;
  return h.protocol == packet::protocol::udp && h.source_port == packet::dhcp_client_port &&
         h.destination_port == packet::dhcp_server_port;
}

class SourceGuard final : public Module {
 public:
  explicit SourceGuard(const Snapshot& snapshot)
      : services_(services_of(snapshot)), neighbours_(snapshot, services_) {}

  void process(Batch& batch, Context& context) const override {
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const uint32_t i = Batch::first(rest);
      const Frame& frame = *batch.frames[i];
      const Headers& h = frame.headers;
      if (h.network != Network::ipv4 && h.network != Network::ipv6) continue;
      if (neighbours_.may_use(context.index, h.from)) [[likely]]
        continue;
      if (frame.group == no_group || !services_[frame.group].guard_sources) continue;
      if (is_before_an_address(h)) continue;
      batch.drop(i, h.network == Network::ipv4 ? Drop::spoofed_ipv4 : Drop::spoofed_ipv6);
    }
  }

 private:
  const std::vector<Services> services_;
  const Neighbours neighbours_;
};

}  // namespace

const ModuleKind source_guard_module{
    .name = "source_guard",
    .ingress = true,
    .needs = "vlan security",
    .make = [](const Snapshot& snapshot, Stage) -> std::unique_ptr<const Module> {
      return std::make_unique<SourceGuard>(snapshot);
    },
    .required = true,
    .wanted =
        [](const Snapshot& snapshot, PortIndex port, Stage) {
          return snapshot.port(port).kind == PortKind::guest &&
                 any_service(snapshot, port, &Group::guard_sources);
        },
};

}  // namespace bridle::net
