#include "switch/modules/arp_nd.h"

#include <algorithm>

#include "packet/arp.h"
#include "packet/nd.h"
#include "switch/modules/answer.h"
#include "switch/modules/services.h"

namespace bridle::net {
namespace {

using packet::Headers;
using packet::NdMessage;
using packet::NdType;
using packet::Network;

// What becomes of a frame that is looked at.
enum class Verdict : uint8_t { keep, answered, unanswered, bad, spoofed, hidden, rogue };

// A frame on its way, and what is known of where it is.
struct Seen {
  const Frame& frame;
  const Headers& h;
  const Services& services;
  Context& context;
  bool guest;

  // May the port say that the MAC is its own?
  bool own_mac(const MacAddress& mac) const {
    if (mac == h.source) return true;  // the security module let it
    const auto macs = context.snapshot.macs(context.port);
    return std::find(macs.begin(), macs.end(), mac.key()) != macs.end();
  }
};

class ArpNd final : public Module {
 public:
  explicit ArpNd(const Snapshot& snapshot)
      : services_(services_of(snapshot)), neighbours_(snapshot, services_) {}

  void process(Batch& batch, Context& context) const override {
    for (uint32_t rest = batch.live; rest != 0; rest &= rest - 1) {
      const uint32_t i = Batch::first(rest);
      const Frame& frame = *batch.frames[i];
      const Headers& h = frame.headers;
      const bool arp = h.network == Network::arp;
      if ((!arp && !packet::is_nd(h)) || frame.group == no_group) [[likely]]
        continue;
      const Seen seen{frame, h, services_[frame.group], context,
                      context.port.kind == PortKind::guest};
      conclude(batch, i, arp, arp ? judge_arp(seen) : judge_nd(seen));
    }
  }

 private:
  static void conclude(Batch& batch, uint32_t i, bool arp, Verdict verdict) {
    switch (verdict) {
      case Verdict::keep:
        return;
      case Verdict::answered:
        return batch.consume(i);
      case Verdict::unanswered:
        return batch.drop(i, Drop::no_frames);
      case Verdict::bad:
        return batch.drop(i, Drop::bad_nd);
      case Verdict::spoofed:
        return batch.drop(i, arp ? Drop::spoofed_arp : Drop::spoofed_nd);
      case Verdict::hidden:
        return batch.drop(i, Drop::hidden_headers);
      case Verdict::rogue:
        return batch.drop(i, Drop::rogue_ra);
    }
  }
  static Verdict sent(bool answered) { return answered ? Verdict::answered : Verdict::unanswered; }

  Verdict judge_arp(const Seen& seen) const {
    const Headers& h = seen.h;
    if (seen.guest ? !may_say_arp(seen) : claims_anothers(seen, h.from, h.arp_sender))
      return Verdict::spoofed;
    if (!is_question(seen) || h.arp_operation != packet::arp_request ||
        packet::is_arp_announcement(h))
      return Verdict::keep;
    const Neighbour* there = who_is_asked_for(seen, h.to);
    if (there == nullptr) return Verdict::keep;
    if (is_self(seen, *there)) return Verdict::answered;
    seen.context.explain("answered in the name of who has the address");
    return sent(answer(seen.context, seen.frame, [&](std::span<uint8_t> into) {
      return packet::build_arp_reply(into, h, there->mac);
    }));
  }

  bool may_say_arp(const Seen& seen) const {
    if (!seen.services.guard_sources) return true;
    const bool address =
        packet::is_arp_probe(seen.h) || neighbours_.may_use(seen.context.index, seen.h.from);
    return address && seen.own_mac(seen.h.arp_sender);
  }

  // From outside: an address of somebody known, with another MAC. The gateway's port is trusted.
  bool claims_anothers(const Seen& seen, const IpAddress& address, const MacAddress& mac) const {
    if (!seen.services.guard_sources || !seen.context.port.outside()) return false;
    const Neighbour* owner = neighbours_.find(seen.frame.group, address);
    return owner != nullptr && owner->firm && !owner->shared && owner->mac != mac;
  }

  // Does it ask everybody, in words that may be answered?
  static bool is_question(const Seen& seen) {
    const bool to_switch = !seen.services.gateway && seen.h.destination == seen.services.mac;
    return seen.services.answer && seen.h.tags == 0 &&
           (seen.h.destination.is_multicast() || to_switch);
  }

  // Null: nobody whom the switch may answer for.
  const Neighbour* who_is_asked_for(const Seen& seen, const IpAddress& address) const {
    const Neighbour* there = neighbours_.find(seen.frame.group, address);
    if (there == nullptr || there->shared) return nullptr;
    if (seen.guest) return there;
    if (there->router || there->ourselves) return nullptr;
    return seen.context.port.outside() && there->port == no_port ? nullptr : there;
  }

  static bool is_self(const Seen& seen, const Neighbour& there) {
    return seen.guest && (there.port == seen.context.index || there.mac == seen.h.source);
  }

  Verdict judge_nd(const Seen& seen) const {
    const auto type = static_cast<NdType>(seen.h.source_port);
    if (!seen.guest) return judge_nd_outside(seen);
    const bool guarded = seen.services.guard_ra || seen.services.guard_sources;
    if (seen.h.fragment && guarded) return Verdict::hidden;
    if (seen.services.guard_ra &&
        (type == NdType::router_advertisement || type == NdType::redirect))
      return Verdict::rogue;
    const auto message = packet::parse_nd(seen.h, seen.frame.bytes());
    if (!message) return guarded ? Verdict::bad : Verdict::keep;
    if (seen.services.guard_sources && !may_say_nd(seen, *message)) return Verdict::spoofed;
    return answer_nd(seen, *message);
  }

  Verdict judge_nd_outside(const Seen& seen) const {
    const auto message = packet::parse_nd(seen.h, seen.frame.bytes());
    if (!message) return Verdict::keep;
    const bool says = message->type == NdType::neighbor_advertisement;
    const IpAddress& claimed = says ? message->target : seen.h.from;
    if (claims_anothers(seen, claimed, message->link.value_or(seen.h.source)))
      return Verdict::spoofed;
    return message->type == NdType::neighbor_solicitation ? answer_nd(seen, *message)
                                                          : Verdict::keep;
  }

  bool may_say_nd(const Seen& seen, const NdMessage& message) const {
    const bool source =
        seen.h.from.is_unspecified() || neighbours_.may_use(seen.context.index, seen.h.from);
    const bool target = message.type != NdType::neighbor_advertisement ||
                        neighbours_.may_use(seen.context.index, message.target);
    return source && target && (!message.link || seen.own_mac(*message.link));
  }

  Verdict answer_nd(const Seen& seen, const NdMessage& message) const {
    if (!is_question(seen)) return Verdict::keep;
    if (message.type == NdType::router_solicitation) return solicited_router(seen);
    if (message.type != NdType::neighbor_solicitation) return Verdict::keep;
    const Neighbour* there = who_is_asked_for(seen, message.target);
    if (there == nullptr) return Verdict::keep;
    if (is_self(seen, *there)) return Verdict::answered;
    seen.context.explain("answered in the name of who has the address");
    return sent(answer(seen.context, seen.frame, [&](std::span<uint8_t> into) {
      return build_neighbour(into, seen.h, message, *there);
    }));
  }

  // To who asks; in duplicate address detection he has no address, and all nodes are told.
  static size_t build_neighbour(std::span<uint8_t> into, const Headers& h, const NdMessage& message,
                                const Neighbour& there) {
    const bool nobody = h.from.is_unspecified();
    const IpAddress to = nobody ? packet::all_nodes() : h.from;
    const MacAddress to_mac = nobody ? packet::multicast_mac(to) : message.link.value_or(h.source);
    return packet::build_advertisement(into, {to_mac, there.mac, to, message.target},
                                       {message.target, there.mac, there.router, !nobody, true});
  }

  static Verdict solicited_router(const Seen& seen) {
    if (!seen.services.serve || seen.services.prefix6.length == 0) return Verdict::keep;
    return sent(advertise_router(seen.context, seen.frame, seen.services));
  }

  const std::vector<Services> services_;
  const Neighbours neighbours_;
};

}  // namespace

const ModuleKind arp_nd_module{
    .name = "arp_nd",
    .ingress = true,
    .needs = "vlan security",
    .make = [](const Snapshot& snapshot, Stage) -> std::unique_ptr<const Module> {
      return std::make_unique<ArpNd>(snapshot);
    },
    .required = true,
    .wanted =
        [](const Snapshot& snapshot, PortIndex port, Stage) {
          return snapshot.port(port).kind != PortKind::mirror &&
                 (any_service(snapshot, port, &Group::answer_arp) ||
                  any_service(snapshot, port, &Group::guard_sources) ||
                  any_service(snapshot, port, &Group::guard_ra));
        },
};

}  // namespace bridle::net
