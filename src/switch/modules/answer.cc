#include "switch/modules/answer.h"

#include <algorithm>

#include "packet/bytes.h"
#include "packet/nd.h"
#include "switch/modules/services.h"

namespace bridle::net {
namespace {

constexpr uint32_t udp_header = 8;
constexpr uint16_t router_lifetime = 65'535;  // seconds: the longest (RFC 8319)
constexpr uint32_t for_ever = UINT32_MAX;     // of a prefix (RFC 4861, 4.6.2)

}  // namespace

std::span<const uint8_t> copy_out(const Frame& frame, uint32_t offset, std::span<uint8_t> into) {
  size_t copied = 0;
  for (const Frame* part = &frame; part != nullptr && copied < into.size(); part = part->next) {
    if (offset >= part->head) {
      offset -= part->head;
      continue;
    }
    const size_t piece = std::min<size_t>(part->head - offset, into.size() - copied);
    std::memcpy(into.data() + copied, part->data + offset, piece);
    copied += piece;
    offset = 0;
  }
  return into.first(copied);
}

std::span<const uint8_t> copy_udp(const Frame& frame, std::span<uint8_t> into) {
  const packet::Headers& h = frame.headers;
  if (h.protocol != packet::protocol::udp || h.payload_offset == 0 || h.fragment) return {};
  const uint32_t size = packet::load16(frame.data + h.transport_offset + 4);
  if (size < udp_header || size - udp_header > into.size()) return {};
  const auto copied = copy_out(frame, h.payload_offset, into.first(size - udp_header));
  return copied.size() == size - udp_header ? copied : std::span<const uint8_t>{};
}

bool send_answer(Context& context, const Frame& question, std::span<const uint8_t> bytes) {
  const auto size = static_cast<uint32_t>(bytes.size());
  if (size == 0) return false;
  Frame* frame = context.make(size, question);
  if (frame == nullptr) return false;
  std::memcpy(frame->data, bytes.data(), size);
  if (packet::parse(frame->bytes(), size, frame->headers) != packet::Parse::ok)
    context.explain("an answer of the switch is no frame");
  context.send(frame, context.index);
  return true;
}

bool advertise_router(Context& context, const Frame& question, const Services& services) {
  const Group& group = context.snapshot.group_config(question.group);
  packet::RouterAdvertisement what;
  what.lifetime = services.gateway && group.gateway6 ? router_lifetime : 0;
  what.link = services.mac;
  what.mtu = group.mtu;
  what.prefix = services.prefix6;
  what.valid = what.preferred = for_ever;
  what.domain = group.dhcp.domain;
  what.name_servers = group.dhcp.name_servers;
  if (what.name_servers.empty() && services.dns) what.name_servers = {&services.name_server6, 1};
  const packet::Headers& h = question.headers;
  const bool known = h.network == packet::Network::ipv6 && !h.from.is_unspecified();
  const packet::NdEnvelope envelope{h.source, services.mac, known ? h.from : packet::all_nodes(),
                                    services.address6};
  return answer(context, question, [&](std::span<uint8_t> into) {
    return packet::build_router_advertisement(into, envelope, what);
  });
}

}  // namespace bridle::net
