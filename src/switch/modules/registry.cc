#include "switch/modules/arp_nd.h"
#include "switch/modules/count.h"
#include "switch/modules/dhcp.h"
#include "switch/modules/dns.h"
#include "switch/modules/forward.h"
#include "switch/modules/link.h"
#include "switch/modules/mirror.h"
#include "switch/modules/mtu.h"
#include "switch/modules/offload.h"
#include "switch/modules/policy.h"
#include "switch/modules/rate.h"
#include "switch/modules/security.h"
#include "switch/modules/source_guard.h"
#include "switch/modules/vlan.h"

namespace bridle::net {

std::span<const ModuleKind> module_kinds() {
  static const std::array kinds{
      link_module,         mirror_module,  vlan_module,   offload_module, security_module,
      source_guard_module, dhcp_module,    arp_nd_module, dns_module,     policy_module,
      count_module,        forward_module, rate_module,   mtu_module,
  };
  return kinds;
}

std::span<const std::string_view> default_modules() {
  static constexpr std::array<std::string_view, 20> names{
      "link",   "mirror", "vlan",   "offload", "security", "source_guard", "dhcp",
      "arp_nd", "dns",    "policy", "count",   "forward",  "link",         "policy",
      "rate",   "mtu",    "vlan",   "mirror",  "count",    "offload",
  };
  return names;
}

}  // namespace bridle::net
