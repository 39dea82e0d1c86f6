// DNS messages as far as a switch speaks it (RFC 1035): one question is read, one answer written.
//
// Names are kept as text in lower case, labels joined by dots, no dot at the end ("web.lab"), at
// most 253 bytes; a label with a byte that text could not tell apart (a dot, a control byte) makes
// the name unreadable. Compression is followed backwards only and so ends: each pointer must point
// before the name's own beginning and before every pointer followed so far.
//
// Thread class: pure functions; nothing is allocated.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "packet/address.h"

namespace bridle::packet {

namespace dns_type {
constexpr uint16_t a = 1, ptr = 12, aaaa = 28, any = 255;
}
constexpr uint16_t dns_internet = 1;  // class

class DnsName {
 public:
  std::string_view text() const { return {text_.data(), size_}; }
  // One more label behind those it has. False: it is none, or the name became too long.
  bool append(std::span<const uint8_t> label);

 private:
  std::array<char, 253> text_{};
  uint8_t size_ = 0;
};

// The name at `at` of a message; `at` is moved behind it (behind the pointer, where it is
// compressed). Nothing: cut, too long, or compressed in a loop or forwards.
std::optional<DnsName> read_name(std::span<const uint8_t> message, size_t& at);

struct DnsQuestion {
  uint16_t id = 0;
  bool recursion = false;  // desired
  DnsName name;
  uint16_t type = 0, klass = 0;
  size_t end = 0;  // of the question in the message: the answer repeats it as it was written
};

// A standard query with one question and no answers; nothing: anything else. `message` is the
// payload of UDP; what follows the question (EDNS, RFC 6891) is ignored.
std::optional<DnsQuestion> parse_question(std::span<const uint8_t> message);

// "4.3.2.1.in-addr.arpa" and "….ip6.arpa" (RFC 1035 section 3.5, RFC 3596 section 2.5).
std::optional<IpAddress> reverse_address(std::string_view name);

enum class DnsResult : uint8_t { found = 0, no_such_name = 3 };

struct DnsAnswer {
  DnsResult result = DnsResult::found;
  // At most one of these; none: the name exists, but has nothing of that type.
  std::optional<IpAddress> address;
  std::string_view name;  // of PTR
  uint32_t seconds = 60;  // it may be remembered
};

// The answer's size; 0: `into` is too small. `message` is where `question` was read from.
size_t build_answer(std::span<uint8_t> into, std::span<const uint8_t> message,
                    const DnsQuestion& question, const DnsAnswer& answer);

// A name as labels, uncompressed, with the root at its end. Its size; 0: it is no name, or does not
// fit.
size_t write_name(std::span<uint8_t> into, std::string_view name);

}  // namespace bridle::packet
