// Nat: the networks by which guests reach out: for each nat port a network namespace with a TAP
// (the gateway, handed to the switch), a link to the host, and rules in the kernel on both sides
// (nat_rules.h; docs/network-nat.md). All of it outlives the jail, and is found again by name.
//
// What cannot be made on the host's side leaves the network isolated: guests reach each other and
// the gateway, and the answer says why.
//
// Thread class: one thread.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "base/layout.h"
#include "jail/nat_rules.h"
#include "jail/port_make.h"
#include "jail/switch_record.h"

namespace bridle::jail {

class Nat {
 public:
  explicit Nat(const Layout& layout) : layout_(layout) {}

  // One that an earlier jail made in this life of the host.
  void know(const PortState& state);
  // Makes what is missing and opens the TAP. May set state.link. Code::conflict: the switch holds
  // the TAP already. `isolated`: why guests do not get out, empty if they do.
  Result<PortEnd> make(PortState& state, std::string& isolated);
  // Both sides as state.forwards says. Code::refused: the network is isolated.
  Status forward(const PortState& state);
  Status remove(const PortState& state);

  // What a root left behind: devices by their alias, and its table of rules.
  static Status purge(const Layout& layout);

 private:
  using Key = std::pair<uint32_t, uint32_t>;  // zone, port
  struct Network {
    NatNetwork facts;
    std::string isolated = "not made yet";
  };

  std::string space_of(const PortState& state) const;
  Status join_host(PortState& state, const Fd& space);
  Status take_link(PortState& state, const Fd& space);
  Status settle_link(uint32_t number) const;
  Status refresh_host() const;

  const Layout& layout_;
  std::map<Key, Network> networks_;
};

}  // namespace bridle::jail
