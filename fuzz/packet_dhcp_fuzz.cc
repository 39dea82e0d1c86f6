// rooms: packet
// A DHCP message from a guest: read, answered, and the answer read again.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "packet/dhcp.h"

namespace {

using namespace bridle::packet;

void require(bool holds) {
  if (!holds) std::abort();
}

void answer(const DhcpMessage& message, size_t room) {
  const std::array servers{IpAddress::v4(Be32::of(0x0a090035))};
  DhcpAnswer what;
  what.type = message.type == DhcpType::discover ? DhcpType::offer : DhcpType::acknowledge;
  what.server = IpAddress::v4(Be32::of(0x0a090001));
  what.yours = IpAddress::v4(Be32::of(0x0a090005));
  what.lease = 3600;
  what.mask = 24;
  what.name_servers = servers;
  what.host_name = "web";
  std::array<uint8_t, 548> bytes;
  const size_t size = build_dhcp(std::span(bytes).first(room), message, what);
  if (size == 0) return;
  const auto read = parse_dhcp(std::span(bytes).first(size));
  require(size <= room && read && read->reply);
  require(read->transaction == message.transaction && read->yours == what.yours);
  require(std::ranges::equal(read->client_id, message.client_id));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto exact = std::make_unique<uint8_t[]>(size);
  std::copy_n(data, size, exact.get());
  const auto message = parse_dhcp({exact.get(), size});
  if (!message) return 0;
  require(message->client_id.size() <= 255);
  answer(*message, 548);
  answer(*message, 300 + message->transaction % 100);
  return 0;
}
