// Netlink: the few things that the jail asks of the kernel about network devices (rtnetlink(7)):
// make, change and remove links, give them addresses and routes. Every value is a number or a name
// of Bridle's making; the kernel's answers are read within their bounds.
//
//   BRIDLE_TRY(Netlink net, Netlink::open());         // of this process's network namespace
//   BRIDLE_CHECK(net.add_veth({"brl-0040", "up0", space.get(), "bridle-1a2b3c4d"}));
//   BRIDLE_TRY(const unsigned index, net.index_of("brl-0040"));
//   BRIDLE_CHECK(net.bring_up(index, 1500));
//
// What is there already (an address, a route) is success. Thread class: one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace bridle::jail {

struct LinkFacts {
  unsigned index = 0;
  std::string name, alias;
};

struct VethPair {
  std::string name;    // here
  std::string peer;    // in the other namespace
  int peer_namespace;  // a descriptor of it
};

class NetlinkMessage;

class Netlink {
 public:
  static Result<Netlink> open();

  // Code::conflict: a device has that name.
  Status add_veth(const VethPair& pair);
  // An alias tells whose a device is; at most 255 bytes.
  Status set_alias(unsigned index, const std::string& alias);
  Status bring_up(unsigned index, uint32_t mtu);
  Status set_mac(unsigned index, std::span<const uint8_t, 6> mac);
  Status set_bridge(unsigned index, unsigned bridge);                                    // 0: none
  Status add_address(unsigned index, std::span<const uint8_t> address, uint8_t prefix);  // 4, 16
  Status add_default_route(unsigned index, std::span<const uint8_t> gateway);
  Status remove(unsigned index);  // one that is gone is success

  Result<unsigned> index_of(const std::string& name);  // Code::not_found
  Result<std::vector<LinkFacts>> links();

 private:
  explicit Netlink(Fd fd) : fd_(std::move(fd)) {}
  Status ask(NetlinkMessage& message);

  Fd fd_;
};

}  // namespace bridle::jail
