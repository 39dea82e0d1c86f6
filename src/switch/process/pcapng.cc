#include "switch/process/pcapng.h"

#include <algorithm>
#include <cstring>

namespace bridle::net {
namespace {

constexpr uint16_t ethernet = 1;
constexpr uint16_t option_end = 0, option_comment = 1, interface_name = 2, interface_resolution = 9,
                   packet_flags = 2;
constexpr uint32_t section_block = 0x0a0d0d0a, interface_block = 1, packet_block = 6;

void put16(std::string& into, uint16_t value) {
  into.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void put32(std::string& into, uint32_t value) {
  into.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void pad(std::string& into) { into.append((4 - into.size() % 4) % 4, '\0'); }

void put_option(std::string& into, uint16_t code, std::string_view value) {
  put16(into, code);
  put16(into, static_cast<uint16_t>(value.size()));
  into += value;
  pad(into);
}

std::string finish(uint32_t type, const std::string& body) {
  std::string block;
  const auto size = static_cast<uint32_t>(body.size() + 12);
  put32(block, type);
  put32(block, size);
  block += body;
  put32(block, size);
  return block;
}

std::string section() {
  std::string body;
  put32(body, 0x1a2b3c4d);
  put16(body, 1);
  put16(body, 0);
  body.append(8, '\xff');  // length: not known
  return finish(section_block, body);
}

std::string interface(const std::string& name, uint32_t snap) {
  std::string body;
  put16(body, ethernet);
  put16(body, 0);
  put32(body, snap);
  put_option(body, interface_name, std::string_view(name).substr(0, 255));
  put_option(body, interface_resolution, std::string_view("\x09", 1));  // nanoseconds
  put_option(body, option_end, {});
  return finish(interface_block, body);
}

}  // namespace

Pcapng::Pcapng(const std::map<uint32_t, std::string>& names, uint32_t snap, int64_t wall_offset_ns)
    : header_(section()), wall_offset_ns_(wall_offset_ns) {
  header_ += interface("switch", snap);  // port 0: the switch itself, and ports that came later
  interfaces_[0] = 0;
  for (const auto& [id, name] : names) {
    const auto place = static_cast<uint32_t>(interfaces_.size());
    if (interfaces_.emplace(id, place).second) header_ += interface(name, snap);
  }
}

std::string Pcapng::block(const CapturedFrame& frame) const {
  const auto place = interfaces_.find(frame.port);
  const auto when = static_cast<uint64_t>(frame.when.ns + wall_offset_ns_);
  std::string body;
  put32(body, place == interfaces_.end() ? 0 : place->second);
  put32(body, static_cast<uint32_t>(when >> 32));
  put32(body, static_cast<uint32_t>(when));
  put32(body, static_cast<uint32_t>(frame.bytes.size()));
  put32(body, std::max<uint32_t>(frame.size, static_cast<uint32_t>(frame.bytes.size())));
  body.append(reinterpret_cast<const char*>(frame.bytes.data()), frame.bytes.size());
  pad(body);
  // Into the switch is inbound.
  const uint32_t flags = frame.event == CaptureEvent::sent ? 2 : 1;
  std::string flag_bytes;
  put32(flag_bytes, flags);
  put_option(body, packet_flags, flag_bytes);
  if (frame.event == CaptureEvent::dropped)
    put_option(body, option_comment, "dropped: " + std::string(name(frame.reason)));
  put_option(body, option_end, {});
  return finish(packet_block, body);
}

}  // namespace bridle::net
