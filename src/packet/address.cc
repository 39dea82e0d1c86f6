#include "packet/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace bridle::packet {

namespace {

constexpr uint8_t v4_bits = 96;  // those before an IPv4 address
constexpr uint8_t all_bits = 128;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Error no_address(std::string_view what, std::string_view text) {
  return {Code::invalid, fmt::format("'{}' is no {}", text.substr(0, 64), what)};
}

// Bits of the address behind the length are zero.
bool is_bare(const IpAddress& address, unsigned length) {
  for (unsigned bit = length; bit < all_bits; ++bit)
    if ((address.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return false;
  return true;
}

}  // namespace

Result<MacAddress> MacAddress::parse(std::string_view text) {
  MacAddress mac;
  if (text.size() != 17) return no_address("MAC address", text);
  for (size_t i = 0; i < mac.bytes.size(); ++i) {
    const int high = hex_digit(text[i * 3]);
    const int low = hex_digit(text[i * 3 + 1]);
    const bool separated = i + 1 == mac.bytes.size() || text[i * 3 + 2] == ':';
    if (high < 0 || low < 0 || !separated) return no_address("MAC address", text);
    mac.bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return mac;
}

std::string MacAddress::text() const {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2],
                     bytes[3], bytes[4], bytes[5]);
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof(terminated) || text.find('\0') != std::string_view::npos)
    return no_address("IP address", text);
  std::copy(text.begin(), text.end(), terminated);
  IpAddress address;
  if (::inet_pton(AF_INET6, terminated, address.bytes.data()) == 1) return address;
  Be32 four;
  if (::inet_pton(AF_INET, terminated, four.bytes.data()) == 1) return v4(four);
  return no_address("IP address", text);
}

std::string IpAddress::text() const {
  if (is_v4()) return fmt::format("{}.{}.{}.{}", bytes[12], bytes[13], bytes[14], bytes[15]);
  char terminated[INET6_ADDRSTRLEN];
  return ::inet_ntop(AF_INET6, bytes.data(), terminated, sizeof(terminated));
}

bool IpAddress::is_multicast() const {
  return is_v4() ? (bytes[12] & 0xf0) == 0xe0 : bytes[0] == 0xff;
}

bool IpAddress::is_unspecified() const { return *this == IpAddress{} || *this == v4(Be32{}); }

bool IpAddress::is_link_local() const {
  if (is_v4()) return bytes[12] == 169 && bytes[13] == 254;
  return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
}

Result<IpPrefix> IpPrefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return no_address("prefix (ADDRESS/LENGTH)", text);
  BRIDLE_TRY(const auto address, IpAddress::parse(text.substr(0, slash)));
  // Written with dots it is counted as IPv4.
  const bool dotted = text.substr(0, slash).find(':') == std::string_view::npos;
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), length);
  if (error != std::errc() || end != digits.end() || length > (dotted ? 32U : 128U))
    return no_address("prefix (ADDRESS/LENGTH)", text);
  if (dotted) length += v4_bits;
  if (!is_bare(address, length))
    return Error(Code::invalid,
                 fmt::format("prefix '{}' has bits behind its length", text.substr(0, 64)));
  return IpPrefix{address, static_cast<uint8_t>(length)};
}

std::string IpPrefix::text() const {
  if (address.is_v4() && length >= v4_bits)
    return fmt::format("{}/{}", address.text(), length - v4_bits);
  return fmt::format("{}/{}", address.text(), length);
}

bool IpPrefix::contains(const IpAddress& other) const {
  const size_t whole = std::min<size_t>(length, all_bits) / 8;
  if (std::memcmp(address.bytes.data(), other.bytes.data(), whole) != 0) return false;
  const unsigned rest = length % 8;
  if (rest == 0 || whole == address.bytes.size()) return true;
  return (address.bytes[whole] ^ other.bytes[whole]) >> (8 - rest) == 0;
}

}  // namespace bridle::packet
