#include "switch/drop.h"

#include <array>

#include "base/check.h"

namespace bridle::net {
namespace {

struct Text {
  std::string_view name, who, sentence;
};

constexpr std::array<Text, drop_count> texts{{
#define BRIDLE_DROP_TEXT(name, who, sentence) {#name, #who, sentence},
    BRIDLE_DROPS(BRIDLE_DROP_TEXT)
#undef BRIDLE_DROP_TEXT
}};

}  // namespace

std::string_view name(Drop reason) { return texts[static_cast<size_t>(reason)].name; }
std::string_view sentence(Drop reason) { return texts[static_cast<size_t>(reason)].sentence; }
std::string_view who(Drop reason) { return texts[static_cast<size_t>(reason)].who; }

std::optional<Drop> drop_from_name(std::string_view name) {
  for (size_t i = 0; i < texts.size(); ++i)
    if (texts[i].name == name) return static_cast<Drop>(i);
  return std::nullopt;
}

Drop drop_of(packet::Parse result) {
  switch (result) {
    case packet::Parse::ok:
      break;
    case packet::Parse::short_ethernet:
      return Drop::short_ethernet;
    case packet::Parse::bad_arp:
      return Drop::bad_arp;
    case packet::Parse::bad_ipv4:
      return Drop::bad_ipv4;
    case packet::Parse::bad_ipv6:
      return Drop::bad_ipv6;
    case packet::Parse::bad_transport:
      return Drop::bad_transport;
  }
  BRIDLE_ASSERT(result != packet::Parse::ok);
  return Drop::bad_transport;
}

}  // namespace bridle::net
