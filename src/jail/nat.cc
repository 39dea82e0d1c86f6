#include "jail/nat.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/log.h"
#include "jail/net_space.h"
#include "jail/netlink.h"

namespace bridle::jail {
namespace {

// The number that tells roots apart: the digits of "bridle-1a2b3c4d".
uint32_t root_number(const Layout& layout) {
  return static_cast<uint32_t>(std::strtoul(layout.cgroup().c_str() + 7, nullptr, 16));
}

std::string link_alias(const Layout& layout, const PortState& state) {
  return alias_of(layout) + " " + std::to_string(state.zone) + " " + std::to_string(state.port);
}

// Whether a network of the host's has addresses of that link already.
bool is_taken(uint32_t number) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return false;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> keep(list, ::freeifaddrs);
  const uint32_t wanted = 0xa9fe0000u | number * 4;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    sockaddr_in address;
    std::memcpy(&address, at->ifa_addr, sizeof address);
    if ((ntohl(address.sin_addr.s_addr) & ~3u) == wanted) return true;
  }
  return false;
}

uint32_t next_link(uint32_t number) {
  do number = number >= last_link ? first_link : number + 1;
  while (!is_link_number(number));
  return number;
}

uint32_t first_try(uint32_t root, const PortState& state) {
  uint32_t hash = root * 2654435761u ^ state.zone * 40503u ^ state.port * 2246822519u;
  hash ^= hash >> 15;
  return next_link(first_link + hash % (last_link - first_link));
}

// IPv6 goes out only where the host is a router already: becoming one would cost it the addresses
// and routes that it has from router advertisements.
NatNetwork facts_of(const PortState& state) {
  const auto router = get_net("ipv6/conf/all/forwarding");
  const bool has6 = state.order.prefix6 != 0 && router.ok() && *router == "1";
  return {state.order, state.link, has6, state.forwards};
}

// ---- in the network's namespace

Status settle_tap(Netlink& net, const PortOrder& order) {
  BRIDLE_TRY(const unsigned index, net.index_of("tap0"));
  BRIDLE_CHECK(set_net("ipv6/conf/tap0/accept_ra", "0"));
  BRIDLE_CHECK(net.set_mac(index, order.mac));
  BRIDLE_CHECK(net.add_address(index, order.gateway4, order.prefix4));
  if (order.prefix6 != 0) BRIDLE_CHECK(net.add_address(index, order.gateway6, order.prefix6));
  return net.bring_up(index, mtu_of(order));
}

Status settle_uplink(Netlink& net, const NatNetwork& network, uint32_t root) {
  const LinkAddresses link = link_addresses(network.link, root);
  BRIDLE_TRY(const unsigned index, net.index_of("up0"));
  BRIDLE_CHECK(set_net("ipv6/conf/up0/accept_ra", "0"));
  BRIDLE_CHECK(net.add_address(index, link.space4, link_prefix4));
  if (network.has6) BRIDLE_CHECK(net.add_address(index, link.space6, link_prefix6));
  BRIDLE_CHECK(net.bring_up(index, mtu_of(network.order)));
  BRIDLE_CHECK(net.add_default_route(index, link.host4));
  return network.has6 ? net.add_default_route(index, link.host6) : Status();
}

Status settle_space() {
  BRIDLE_TRY(Netlink net, Netlink::open());
  BRIDLE_TRY(const unsigned loopback, net.index_of("lo"));
  BRIDLE_CHECK(net.bring_up(loopback, 65536));
  BRIDLE_CHECK(set_net("ipv4/ip_forward", "1"));
  return set_net("ipv6/conf/all/forwarding", "1");
}

Result<Fd> open_gateway(const PortOrder& order) {
  BRIDLE_CHECK(settle_space());
  BRIDLE_TRY(Fd tap, open_tap("tap0"));
  BRIDLE_TRY(Netlink net, Netlink::open());
  BRIDLE_CHECK(settle_tap(net, order));
  return tap;
}

// One whose other end got no alias: its maker was killed just then.
Result<Fd> remove_uplink() {
  BRIDLE_TRY(Netlink net, Netlink::open());
  if (const auto index = net.index_of("up0")) BRIDLE_CHECK(net.remove(*index));
  return Fd();
}

// Rules before the way out: nothing leaves without them.
Result<Fd> open_way_out(const NatNetwork& network, uint32_t root) {
  BRIDLE_CHECK(run_nft(space_rules(network, root)));
  BRIDLE_TRY(Netlink net, Netlink::open());
  BRIDLE_CHECK(settle_uplink(net, network, root));
  return Fd();
}

}  // namespace

std::string Nat::space_of(const PortState& state) const {
  return layout_.switch_run(state.zone) + "/nat." + std::to_string(state.port);
}

void Nat::know(const PortState& state) {
  if (state.link != 0) networks_[{state.zone, state.port}] = {facts_of(state), ""};
}

Result<PortEnd> Nat::make(PortState& state, std::string& isolated) {
  Network& network = networks_[{state.zone, state.port}];
  BRIDLE_TRY(const Fd space, open_space(space_of(state)));
  auto tap = in_space(space, [&] { return open_gateway(state.order); });
  const bool held = !tap.ok() && tap.error().code() == Code::conflict;
  if (!tap.ok() && !held) return std::move(tap).error();
  if (!network.isolated.empty()) {
    const Status joined = join_host(state, space);
    network.isolated = joined.ok() ? "" : joined.error().message();
  }
  isolated = network.isolated;
  if (held) return std::move(tap).error();
  PortEnd end;
  end.record.magic = wire::port_magic;
  end.record.version = wire::port_version;
  end.record.act = wire::PortAct::give;
  end.record.kind = PortKind::nat;
  end.record.header_size = virtio_header_size;
  end.record.mtu = mtu_of(state.order);
  end.descriptors.push_back(*std::move(tap));
  return end;
}

// The host's side; whatever fails, the network has no way out.
Status Nat::join_host(PortState& state, const Fd& space) {
  NatNetwork& facts = networks_[{state.zone, state.port}].facts;
  const auto join = [&]() -> Status {
    BRIDLE_CHECK(take_link(state, space));
    facts = facts_of(state);
    BRIDLE_CHECK(settle_link(state.link));
    BRIDLE_CHECK(refresh_host());
    const auto out = in_space(space, [&] { return open_way_out(facts, root_number(layout_)); });
    return out ? Status() : Status(out.error());
  };
  Status joined = join();
  if (joined.ok()) return joined;
  log::warning("a NAT network is isolated", {{"why", joined.error().message()}});
  if (auto net = Netlink::open(); net.ok() && state.link != 0)
    if (const auto index = net->index_of(link_name(state.link)); index.ok())
      (void)net->remove(*index).ok();
  facts.link = state.link = 0;
  (void)refresh_host().ok();
  return joined;
}

// Names of links are unique on a host, so making one reserves its number, also against other roots.
Status Nat::take_link(PortState& state, const Fd& space) {
  BRIDLE_TRY(Netlink net, Netlink::open());
  BRIDLE_TRY(const auto links, net.links());
  const std::string alias = link_alias(layout_, state);
  for (const LinkFacts& link : links) {
    if (link.alias != alias || !link.name.starts_with("brl-")) continue;
    state.link = static_cast<uint32_t>(std::strtoul(link.name.c_str() + 4, nullptr, 16));
    return {};
  }
  if (auto removed = in_space(space, remove_uplink); !removed) return std::move(removed).error();
  uint32_t number = state.link != 0 ? state.link : first_try(root_number(layout_), state);
  for (int tries = 0; tries < 1000; ++tries, number = next_link(number)) {
    if (is_taken(number)) continue;
    const Status made = net.add_veth({link_name(number), "up0", space.get()});
    if (!made.ok() && made.error().code() == Code::conflict) continue;
    BRIDLE_CHECK(Status(made).context("making a link to the host"));
    state.link = number;
    BRIDLE_TRY(const unsigned index, net.index_of(link_name(number)));
    return net.set_alias(index, alias);
  }
  return Error(Code::exhausted, "no link-local addresses are left on this host");
}

Status Nat::settle_link(uint32_t number) const {
  const Network* network = nullptr;
  for (const auto& [key, each] : networks_)
    if (each.facts.link == number) network = &each;
  if (network == nullptr) return Error(Code::internal, "a link of no network");
  const LinkAddresses link = link_addresses(number, root_number(layout_));
  const std::string name = link_name(number);
  BRIDLE_TRY(Netlink net, Netlink::open());
  BRIDLE_TRY(const unsigned index, net.index_of(name));
  BRIDLE_CHECK(set_net("ipv6/conf/" + name + "/accept_ra", "0"));
  BRIDLE_CHECK(net.add_address(index, link.host4, link_prefix4));
  if (network->facts.has6) BRIDLE_CHECK(net.add_address(index, link.host6, link_prefix6));
  BRIDLE_CHECK(net.bring_up(index, mtu_of(network->facts.order)));
  // So that the host's own 127.0.0.1 leads to forwards; nobody else can send from there.
  BRIDLE_CHECK(set_net("ipv4/conf/" + name + "/route_localnet", "1"));
  return set_net("ipv4/ip_forward", "1");
}

Status Nat::refresh_host() const {
  std::vector<NatNetwork> all;
  for (const auto& [key, network] : networks_)
    if (network.facts.link != 0) all.push_back(network.facts);
  return run_nft(host_rules(layout_.cgroup(), all, root_number(layout_)));
}

Status Nat::forward(const PortState& state) {
  const auto found = networks_.find({state.zone, state.port});
  if (found == networks_.end() || !found->second.isolated.empty())
    return Error(Code::refused, "this network is isolated: " + (found == networks_.end()
                                                                    ? std::string("not made yet")
                                                                    : found->second.isolated));
  NatNetwork& facts = found->second.facts;
  facts.forwards = state.forwards;
  BRIDLE_TRY(const Fd space, open_space(space_of(state)));
  const auto done = in_space(space, [&]() -> Result<Fd> {
    BRIDLE_CHECK(run_nft(space_rules(facts, root_number(layout_))));
    return Fd();
  });
  if (!done) return done.error();
  return refresh_host();
}

Status Nat::remove(const PortState& state) {
  const bool known = networks_.erase({state.zone, state.port}) != 0;
  Status rules = known ? refresh_host() : Status();
  BRIDLE_TRY(Netlink net, Netlink::open());
  BRIDLE_TRY(const auto links, net.links());
  for (const LinkFacts& link : links)
    if (link.alias == link_alias(layout_, state)) BRIDLE_CHECK(net.remove(link.index));
  BRIDLE_CHECK(remove_space(space_of(state)));
  return rules;
}

Status Nat::purge(const Layout& layout) {
  BRIDLE_TRY(Netlink net, Netlink::open());
  BRIDLE_TRY(const auto links, net.links());
  const std::string alias = alias_of(layout);
  const auto is_ours = [&](const LinkFacts& link) {
    return link.alias == alias || link.alias.starts_with(alias + " ");
  };
  const bool any = std::ranges::any_of(links, is_ours);
  for (const LinkFacts& link : links)
    if (is_ours(link)) BRIDLE_CHECK(net.remove(link.index));
  const Status rules = run_nft(host_rules(layout.cgroup(), {}, 0));
  return any ? rules : Status();
}

}  // namespace bridle::jail
