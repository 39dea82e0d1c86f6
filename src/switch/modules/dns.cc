#include "switch/modules/dns.h"

#include <algorithm>
#include <unordered_map>

#include "packet/builder.h"
#include "packet/bytes.h"
#include "packet/dns.h"
#include "packet/nd.h"
#include "switch/modules/answer.h"
#include "switch/modules/services.h"

namespace bridle::net {
namespace {

using packet::DnsAnswer;
using packet::DnsQuestion;
using packet::DnsResult;
using packet::Headers;
using packet::Network;

constexpr uint16_t dns_port = 53;
constexpr size_t longest_question = 512, longest_answer = 1'232;

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return text;
}

struct Addresses {
  std::optional<IpAddress> four, six;
};

// Names of one group.
class Zone {
 public:
  Zone(const Group& group, const Services& services)
      : domain_(lower(group.dhcp.domain)), services_(services) {
    for (const Lease& lease : group.registry) {
      if (lease.host_name.empty()) continue;
      const std::string host = lower(lease.host_name);
      add(host, lease);
      if (!domain_.empty()) add(host + '.' + domain_, lease);
    }
    if (services.prefix6.length != 64) return;
    for (const Lease& lease : group.registry)
      if (!lease.host_name.empty()) derive(lower(lease.host_name), lease);
  }

  // Nothing: not for this zone to say.
  std::optional<DnsAnswer> ask(const DnsQuestion& question) const {
    const std::string_view name = question.name.text();
    if (const auto address = packet::reverse_address(name)) return reverse(*address, question);
    if (const auto found = by_name_.find(name); found != by_name_.end())
      return forward(found->second, question.type);
    if (!services_.gateway || is_inside(name)) return DnsAnswer{DnsResult::no_such_name};
    return std::nullopt;
  }

 private:
  // Looked up without making a string of it.
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  void add(const std::string& name, const Lease& lease) {
    Addresses& addresses = by_name_[name];
    auto& place = lease.address.is_v4() ? addresses.four : addresses.six;
    if (!place) place = lease.address;
    // The name with the domain comes second and is what an address is called.
    names_[lease.address.text()] = name;
  }

  void derive(const std::string& host, const Lease& lease) {
    const IpAddress address = packet::eui64(services_.prefix6.address, lease.mac);
    for (const std::string& name : {host, host + '.' + domain_})
      if (const auto found = by_name_.find(name); found != by_name_.end()) {
        if (!found->second.six) found->second.six = address;
        names_[address.text()] = name;
      }
  }

  bool is_inside(std::string_view name) const {
    if (domain_.empty() || !name.ends_with(domain_)) return false;
    return name.size() == domain_.size() || name[name.size() - domain_.size() - 1] == '.';
  }

  static DnsAnswer forward(const Addresses& addresses, uint16_t type) {
    if (type == packet::dns_type::aaaa) return {.address = addresses.six};
    if (type == packet::dns_type::a) return {.address = addresses.four};
    return {};
  }

  std::optional<DnsAnswer> reverse(const IpAddress& address, const DnsQuestion& question) const {
    const auto found = names_.find(address.text());
    if (found != names_.end())
      return question.type == packet::dns_type::ptr ? DnsAnswer{.name = found->second}
                                                    : DnsAnswer{};
    const auto covers = [&](const IpPrefix& p) { return p.length != 0 && p.contains(address); };
    if (services_.gateway && !covers(services_.prefix4) && !covers(services_.prefix6))
      return std::nullopt;
    return DnsAnswer{DnsResult::no_such_name};
  }

  const std::string domain_;
  const Services services_;
  std::unordered_map<std::string, Addresses, Hash, std::equal_to<>> by_name_;
  std::unordered_map<std::string, std::string, Hash, std::equal_to<>> names_;  // of addresses
};

class DnsModule final : public Module {
 public:
  explicit DnsModule(const Snapshot& snapshot) : services_(services_of(snapshot)) {
    for (size_t group = 0; group < snapshot.group_count(); ++group)
      zones_.emplace_back(snapshot.group_config(static_cast<GroupIndex>(group)), services_[group]);
  }

  void process(Batch& batch, Context& context) const override {
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const uint32_t i = Batch::first(rest);
      const Frame& frame = *batch.frames[i];
      const Headers& h = frame.headers;
      if (h.destination_port != dns_port || h.protocol != packet::protocol::udp || h.tags != 0 ||
          h.fragment || frame.group == no_group)
        continue;
      const Services& services = services_[frame.group];
      if (services.dns && is_for_us(context, frame, services)) serve(batch, i, context);
    }
  }

 private:
  static bool is_for_us(const Context& context, const Frame& frame, const Services& services) {
    const IpAddress& to = frame.headers.to;
    const Group& group = context.snapshot.group_config(frame.group);
    return to == services.address4 || to == services.address6 ||
           (services.gateway && group.gateway6 && to == *group.gateway6);
  }

  void serve(Batch& batch, uint32_t i, Context& context) const {
    const Frame& frame = *batch.frames[i];
    std::array<uint8_t, longest_question> bytes;
    const auto message = copy_udp(frame, bytes);
    const Services& services = services_[frame.group];
    if (message.size() >= 12 && (packet::load16(&message[2]) & 0xf800) != 0)
      return;  // no standard query: whoever else there is may know what it is
    const auto question = packet::parse_question(message);
    if (!question) return batch.drop(i, Drop::bad_dns);
    if (question->klass != packet::dns_internet) return;
    const auto answered = zones_[frame.group].ask(*question);
    if (!answered) return context.explain("no name of the registry: the gateway is asked");
    context.explain("DNS is answered from the registry");
    const bool sent = answer(context, frame, [&](std::span<uint8_t> into) {
      std::array<uint8_t, longest_answer> answer_bytes;
      const size_t size = packet::build_answer(answer_bytes, message, *question, *answered);
      return build(into, frame.headers, services, std::span(answer_bytes).first(size));
    });
    sent ? batch.consume(i) : batch.drop(i, Drop::no_frames);
  }

  static size_t build(std::span<uint8_t> into, const Headers& h, const Services& services,
                      std::span<const uint8_t> message) {
    if (message.empty()) return 0;
    packet::Builder frame(into);
    frame.ethernet(h.source, services.mac);
    if (h.network == Network::ipv4)
      frame.ipv4(h.to, h.from);
    else
      frame.ipv6(h.to, h.from);
    frame.udp(h.destination_port, h.source_port).payload(message);
    return frame.finish();
  }

  const std::vector<Services> services_;
  std::vector<Zone> zones_;
};

}  // namespace

const ModuleKind dns_module{
    .name = "dns",
    .ingress = true,
    .needs = "vlan security",
    .make = [](const Snapshot& snapshot, Stage) -> std::unique_ptr<const Module> {
      return std::make_unique<DnsModule>(snapshot);
    },
    .wanted =
        [](const Snapshot& snapshot, PortIndex port, Stage) {
          return snapshot.port(port).kind == PortKind::guest &&
                 any_service(snapshot, port, &Group::dns);
        },
};

}  // namespace bridle::net
