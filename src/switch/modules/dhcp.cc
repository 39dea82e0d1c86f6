#include "switch/modules/dhcp.h"

#include "packet/builder.h"
#include "packet/dhcp.h"
#include "switch/modules/answer.h"
#include "switch/modules/services.h"

namespace bridle::net {
namespace {

using packet::DhcpMessage;
using packet::DhcpType;
using packet::Headers;
using packet::Network;

constexpr size_t longest_question = 1'472;  // of one Ethernet frame
constexpr size_t longest_reply = 548;       // what every client takes (RFC 2131, 2)
constexpr uint8_t v4_bits = 96;

struct LeaseKey {
  GroupIndex group = no_group;
  MacAddress mac;
  bool operator==(const LeaseKey&) const = default;
};
uint64_t table_hash(const LeaseKey& key) { return Snapshot::key(key.group, key.mac); }

bool is_server(const Headers& h) {
  if (h.network == Network::ipv4)
    return h.source_port == packet::dhcp_server_port ||
           h.destination_port == packet::dhcp_client_port;
  return h.source_port == 547 || h.destination_port == 546;
}

// The address that a REQUEST is about (RFC 2131, 4.3.2): selecting and rebooting clients name it,
// renewing ones have it.
IpAddress wanted_address(const DhcpMessage& message) {
  return message.requested ? *message.requested : message.client;
}

class DhcpModule final : public Module {
 public:
  explicit DhcpModule(const Snapshot& snapshot) : services_(services_of(snapshot)) {
    std::vector<std::pair<LeaseKey, const Lease*>> leases;
    for (size_t group = 0; group < snapshot.group_count(); ++group) {
      const auto index = static_cast<GroupIndex>(group);
      for (const Lease& lease : snapshot.group_config(index).registry)
        if (lease.address.is_v4()) leases.push_back({{index, lease.mac}, &lease});
    }
    leases_ = FlatTable<LeaseKey, const Lease*>(leases);
  }

  void process(Batch& batch, Context& context) const override {
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const uint32_t i = Batch::first(rest);
      const Frame& frame = *batch.frames[i];
      const Headers& h = frame.headers;
      if (h.protocol != packet::protocol::udp || h.transport_offset == 0 || frame.group == no_group)
        continue;
      const Services& services = services_[frame.group];
      if (services.guard_dhcp && is_server(h))
        batch.drop(i, Drop::rogue_dhcp);
      else if (services.serve && h.network == Network::ipv4 && h.tags == 0 &&
               h.destination_port == packet::dhcp_server_port)
        serve(batch, i, services, context);
    }
  }

 private:
  void serve(Batch& batch, uint32_t i, const Services& services, Context& context) const {
    const Frame& frame = *batch.frames[i];
    std::array<uint8_t, longest_question> bytes;
    const auto message = packet::parse_dhcp(copy_udp(frame, bytes));
    if (!message || message->reply) return batch.drop(i, Drop::bad_dhcp);
    const Lease* lease = lease_of(frame, *message, context);
    if (lease == nullptr || !message->relay.is_unspecified()) return batch.drop(i, Drop::no_answer);
    if (message->type == DhcpType::release || message->type == DhcpType::decline)
      return batch.consume(i);
    const auto type = answer_type(*message, *lease, services);
    if (!type) return batch.drop(i, Drop::no_answer);
    if (!reply(context, frame, *message, *lease, *type)) return batch.drop(i, Drop::no_frames);
    if (*type == DhcpType::acknowledge && services.prefix6.length != 0)
      advertise_router(context, frame, services);
    batch.consume(i);
  }

  // Of a MAC that is the message's and the port's own.
  const Lease* lease_of(const Frame& frame, const DhcpMessage& message,
                        const Context& context) const {
    if (message.hardware != frame.headers.source) return nullptr;
    const Destination* there =
        context.snapshot.to().find(Snapshot::key(frame.group, message.hardware));
    if (there == nullptr || there->kind != Destination::port || there->value != context.index)
      return nullptr;
    const Lease* const* lease = leases_.find({frame.group, message.hardware});
    return lease == nullptr ? nullptr : *lease;
  }

  static std::optional<DhcpType> answer_type(const DhcpMessage& message, const Lease& lease,
                                             const Services& services) {
    switch (message.type) {
      case DhcpType::discover:
        return DhcpType::offer;
      case DhcpType::inform:
        return DhcpType::acknowledge;
      case DhcpType::request:
        if (message.server_id && *message.server_id != services.address4) return std::nullopt;
        return wanted_address(message) == lease.address ? DhcpType::acknowledge : DhcpType::refuse;
      default:
        return std::nullopt;
    }
  }

  bool reply(Context& context, const Frame& frame, const DhcpMessage& message, const Lease& lease,
             DhcpType type) const {
    const Services& services = services_[frame.group];
    const Group& group = context.snapshot.group_config(frame.group);
    packet::DhcpAnswer what;
    what.type = type;
    what.server = services.address4;
    what.yours = what.router = IpAddress::v4({});
    if (message.type != DhcpType::inform) {
      what.yours = lease.address;
      what.lease = group.dhcp.lease_seconds;
    }
    if (services.prefix4.length > v4_bits)
      what.mask = static_cast<uint8_t>(services.prefix4.length - v4_bits);
    if (services.gateway && group.gateway4) what.router = *group.gateway4;
    what.name_servers = group.dhcp.name_servers;
    if (what.name_servers.empty() && services.dns) what.name_servers = {&services.address4, 1};
    what.host_name = lease.host_name;
    what.domain = group.dhcp.domain;
    what.mtu = static_cast<uint16_t>(std::min<uint32_t>(group.mtu, UINT16_MAX));
    context.explain("DHCP is answered from the registry");
    return answer(context, frame, [&](std::span<uint8_t> into) {
      return build(into, message, what, services.mac);
    });
  }

  static size_t build(std::span<uint8_t> into, const DhcpMessage& message,
                      const packet::DhcpAnswer& what, MacAddress from) {
    std::array<uint8_t, longest_reply> bytes;
    const size_t size = packet::build_dhcp(bytes, message, what);
    if (size == 0) return 0;
    // RFC 2131, 4.1: to its address if it has one, to everybody if it cannot be reached otherwise.
    const bool has_one = !message.client.is_unspecified() && what.type != DhcpType::refuse;
    const bool to_all = !has_one && (message.broadcast || what.type == DhcpType::refuse);
    const IpAddress everybody = IpAddress::v4(packet::Be32::of(UINT32_MAX));
    packet::Builder frame(into);
    frame.ethernet(to_all ? MacAddress::broadcast() : message.hardware, from)
        .ipv4(what.server, to_all    ? everybody
                           : has_one ? message.client
                                     : what.yours)
        .udp(packet::dhcp_server_port, packet::dhcp_client_port)
        .payload(std::span(bytes).first(size));
    return frame.finish();
  }

  const std::vector<Services> services_;
  FlatTable<LeaseKey, const Lease*> leases_;  // into the snapshot's config, which outlives this
};

}  // namespace

const ModuleKind dhcp_module{
    .name = "dhcp",
    .ingress = true,
    .needs = "vlan security",
    .make = [](const Snapshot& snapshot, Stage) -> std::unique_ptr<const Module> {
      return std::make_unique<DhcpModule>(snapshot);
    },
    .required = true,
    .wanted =
        [](const Snapshot& snapshot, PortIndex port, Stage) {
          if (snapshot.port(port).kind != PortKind::guest) return false;
          const auto& groups = snapshot.config().groups;
          const bool serves = std::any_of(groups.begin(), groups.end(),
                                          [](const Group& g) { return g.dhcp.serve; });
          return serves || any_service(snapshot, port, &Group::guard_dhcp);
        },
};

}  // namespace bridle::net
