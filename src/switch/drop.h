// Drop: why a frame ended. A closed list: nothing in the switch ends a frame without one of these,
// each has a name (counters, metrics, traces) and a sentence for people (docs/switch.md has them in
// a table that a test compares with this list).
//
// A new reason is one more line here. Numbers are not stable: what leaves the process has names.
//
// Thread class: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "packet/headers.h"

// X(name, who caused it, sentence). Who: guest (breaks a rule), network (frames of no use),
// host (the switch or its surroundings cannot), wish (configured to be so).
#define BRIDLE_DROPS(X)                                                                          \
  X(short_ethernet, guest, "shorter than an Ethernet header, or a VLAN tag is cut")              \
  X(bad_arp, guest, "an ARP packet that contradicts itself")                                     \
  X(bad_ipv4, guest, "an IPv4 header that contradicts itself or the frame's size")               \
  X(bad_ipv6, guest, "an IPv6 header that contradicts itself or the frame's size")               \
  X(bad_transport, guest, "a TCP, UDP or ICMP header that is cut or contradicts itself")         \
  X(bad_offload, guest, "an offload request that does not fit the frame")                        \
  X(link_down, wish, "the port's link is configured to be down")                                 \
  X(unknown_machine, wish, "the port belongs to no known machine")                               \
  X(stale_machine, wish, "a newer generation of the same machine is connected")                  \
  X(vlan_tagged, guest, "tagged, on an access port")                                             \
  X(vlan_untagged, guest, "untagged, on a port that takes tagged frames only")                   \
  X(vlan_not_allowed, guest, "of a VLAN that the port does not carry")                           \
  X(vlan_double_tag, guest, "tagged twice, on a port whose tags are not its guest's own")        \
  X(reserved_address, network, "to an address that bridges keep to themselves (STP, LACP, VTP)") \
  X(bad_source, guest, "the source is a group address or zero")                                  \
  X(forged_source, guest, "from an address that is not the port's (forged transmits)")           \
  X(address_of_another, guest, "from an address that belongs to another port")                   \
  X(learning_full, guest, "from one more address than the port may use")                         \
  X(reflected, network, "came back by an uplink: its sender is on this switch")                  \
  X(standby_uplink, network, "a group frame that the active uplink brings, too")                 \
  X(no_destination, network, "to an unknown address, and there is no uplink")                    \
  X(uplink_to_uplink, network, "came in by an uplink and would leave by one")                    \
  X(ring_to_ring, network, "came from another zone and would go on to another")                  \
  X(same_port, network, "to the port it came from")                                              \
  X(no_member, network, "to a group address, and nobody else is there")                          \
  X(into_mirror, network, "to or from a port that only takes mirrored frames")                   \
  X(spoofed_arp, guest, "ARP that claims an address of another")                                 \
  X(spoofed_nd, guest, "neighbour discovery that claims an address of another")                  \
  X(spoofed_ipv4, guest, "from an IPv4 address that is not the port's")                          \
  X(spoofed_ipv6, guest, "from an IPv6 address that is not the port's")                          \
  X(rogue_dhcp, guest, "a DHCP server's message from a guest")                                   \
  X(rogue_ra, guest, "a router advertisement or redirect from a guest")                          \
  X(hidden_headers, guest, "fragments or extension headers that hide what a guard must see")     \
  X(bad_nd, guest, "neighbour discovery that breaks its format")                                 \
  X(bad_dhcp, guest, "a DHCP message that breaks its format")                                    \
  X(bad_dns, guest, "a DNS question that breaks its format")                                     \
  X(no_answer, network, "asked the switch for something that it has not")                        \
  X(policy_denied, wish, "the policy says no")                                                   \
  X(rate_send, wish, "over the rate at which the port may send")                                 \
  X(rate_receive, wish, "over the rate at which the port may receive")                           \
  X(too_big, network, "larger than the group's or the output's MTU")                             \
  X(cannot_segment, network, "larger than the output takes, and of no kind that can be cut")     \
  X(no_frames, host, "no free frame for a copy, an answer or a segment")                         \
  X(output_full, host, "the receiver does not empty its ring fast enough")                       \
  X(output_down, host, "the receiver is not connected")                                          \
  X(mirror_full, host, "a mirror's receiver does not keep up")                                   \
  X(too_many_answers, host, "the switch already answers as much as it may")                      \
  X(port_gone, host, "the port was taken away while the frame was on its way")

namespace bridle::net {

enum class Drop : uint8_t {
#define BRIDLE_DROP_NAME(name, who, sentence) name,
  BRIDLE_DROPS(BRIDLE_DROP_NAME)
#undef BRIDLE_DROP_NAME
};

#define BRIDLE_DROP_ONE(name, who, sentence) +1
constexpr size_t drop_count = 0 BRIDLE_DROPS(BRIDLE_DROP_ONE);
#undef BRIDLE_DROP_ONE

std::string_view name(Drop reason);      // "forged_source"
std::string_view sentence(Drop reason);  // for people
std::string_view who(Drop reason);       // "guest", "network", "host", "wish"
std::optional<Drop> drop_from_name(std::string_view name);

// REQUIRES: result is not ok.
Drop drop_of(packet::Parse result);

}  // namespace bridle::net
