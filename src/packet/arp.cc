#include "packet/arp.h"

#include "packet/builder.h"

namespace bridle::packet {

size_t build_arp_reply(std::span<uint8_t> into, const Headers& question, MacAddress mac) {
  Builder frame(into);
  frame.ethernet(question.source, mac)
      .arp({arp_reply, mac, question.to, question.arp_sender, question.from});
  return frame.finish();
}

size_t build_arp_announcement(std::span<uint8_t> into, const IpAddress& address, MacAddress mac) {
  Builder frame(into);
  frame.ethernet(MacAddress::broadcast(), mac).arp({arp_request, mac, address, {}, address});
  return frame.finish();
}

}  // namespace bridle::packet
