#include "packet/dns.h"

#include <algorithm>
#include <charconv>

#include "packet/bytes.h"

namespace bridle::packet {

namespace {

constexpr size_t header_size = 12, longest_label = 63, longest_name = 253;
constexpr uint16_t is_answer = 0x8000, opcode = 0x7800, truncated = 0x0200, authoritative = 0x0400,
                   recursion_desired = 0x0100, recursion_available = 0x0080;

char lower(uint8_t byte) {
  return static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
}

bool is_plain(uint8_t byte) { return byte > 0x20 && byte < 0x7f && byte != '.'; }

// The first label of a name, which loses it.
std::string_view take_first(std::string_view& name) {
  const size_t dot = std::min(name.find('.'), name.size());
  const std::string_view label = name.substr(0, dot);
  name.remove_prefix(std::min(dot + 1, name.size()));
  return label;
}

bool take_suffix(std::string_view& name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return true;
}

std::optional<uint8_t> number(std::string_view text, int base) {
  uint8_t value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value, base);
  const bool whole = error == std::errc() && end == text.end();
  return whole ? std::optional<uint8_t>(value) : std::nullopt;
}

std::optional<IpAddress> reverse_v4(std::string_view digits) {
  Be32 address;
  for (size_t i = 4; i-- > 0;) {
    const auto byte = number(take_first(digits), 10);
    if (!byte) return std::nullopt;
    address.bytes[i] = *byte;
  }
  if (!digits.empty()) return std::nullopt;
  return IpAddress::v4(address);
}

std::optional<IpAddress> reverse_v6(std::string_view digits) {
  IpAddress address;
  for (size_t i = 32; i-- > 0;) {
    const auto nibble = number(take_first(digits), 16);
    if (!nibble || *nibble > 15) return std::nullopt;
    address.bytes[i / 2] |= static_cast<uint8_t>(i % 2 == 0 ? *nibble << 4 : *nibble);
  }
  if (!digits.empty()) return std::nullopt;
  return address;
}

// The resource record's data behind its length; 0: it does not fit.
size_t write_data(std::span<uint8_t> into, const DnsAnswer& answer) {
  if (!answer.address) return write_name(into, answer.name);
  const size_t skip = answer.address->is_v4() ? 12 : 0;
  const std::span<const uint8_t> bytes = std::span(answer.address->bytes).subspan(skip);
  if (bytes.size() > into.size()) return 0;
  std::copy(bytes.begin(), bytes.end(), into.begin());
  return bytes.size();
}

size_t write_record(std::span<uint8_t> into, const DnsQuestion& question, const DnsAnswer& answer) {
  constexpr size_t fixed = 12;
  constexpr uint16_t name_of_question = 0xc000 | header_size;
  if (into.size() < fixed) return 0;
  store16(&into[0], name_of_question);
  store16(&into[2], question.type);
  store16(&into[4], question.klass);
  store32(&into[6], answer.seconds);
  const size_t size = write_data(into.subspan(fixed), answer);
  store16(&into[10], static_cast<uint16_t>(size));
  return size == 0 ? 0 : fixed + size;
}

}  // namespace

bool DnsName::append(std::span<const uint8_t> label) {
  const size_t dot = size_ == 0 ? 0 : 1;
  if (label.empty() || label.size() > longest_label || size_ + dot + label.size() > longest_name ||
      !std::all_of(label.begin(), label.end(), is_plain))
    return false;
  if (dot != 0) text_[size_++] = '.';
  for (const uint8_t byte : label) text_[size_++] = lower(byte);
  return true;
}

std::optional<DnsName> read_name(std::span<const uint8_t> message, size_t& at) {
  DnsName name;
  size_t place = at, before = at;  // pointers lead to what stands before this
  bool followed = false;
  while (place < message.size()) {
    const uint8_t size = message[place];
    if (size == 0) {
      if (!followed) at = place + 1;
      return name;
    }
    if (size >= 0xc0) {
      if (place + 2 > message.size()) return std::nullopt;
      if (!followed) at = place + 2;
      followed = true;
      place = load16(&message[place]) & 0x3fff;
      if (place >= before) return std::nullopt;
      before = place;
    } else {
      if (size > longest_label || place + 1 + size > message.size()) return std::nullopt;
      if (!name.append(message.subspan(place + 1, size))) return std::nullopt;
      place += 1U + size;
    }
  }
  return std::nullopt;
}

std::optional<DnsQuestion> parse_question(std::span<const uint8_t> message) {
  if (message.size() < header_size) return std::nullopt;
  const uint16_t flags = load16(&message[2]);
  const bool one = load16(&message[4]) == 1 && load16(&message[6]) == 0 && load16(&message[8]) == 0;
  if ((flags & (is_answer | opcode | truncated)) != 0 || !one) return std::nullopt;
  DnsQuestion question;
  question.id = load16(&message[0]);
  question.recursion = (flags & recursion_desired) != 0;
  size_t at = header_size;
  const auto name = read_name(message, at);
  if (!name || at + 4 > message.size()) return std::nullopt;
  question.name = *name;
  question.type = load16(&message[at]);
  question.klass = load16(&message[at + 2]);
  question.end = at + 4;
  return question;
}

std::optional<IpAddress> reverse_address(std::string_view name) {
  if (take_suffix(name, ".in-addr.arpa")) return reverse_v4(name);
  if (take_suffix(name, ".ip6.arpa")) return reverse_v6(name);
  return std::nullopt;
}

size_t build_answer(std::span<uint8_t> into, std::span<const uint8_t> message,
                    const DnsQuestion& question, const DnsAnswer& answer) {
  if (into.size() < question.end || message.size() < question.end) return 0;
  std::copy_n(message.begin(), question.end, into.begin());
  const bool has_record = answer.address || !answer.name.empty();
  const uint16_t flags = is_answer | authoritative | recursion_available |
                         (question.recursion ? recursion_desired : 0) |
                         static_cast<uint16_t>(answer.result);
  store16(&into[2], flags);
  store16(&into[6], has_record ? 1 : 0);
  store16(&into[10], 0);  // nothing of what followed the question is repeated
  if (!has_record) return question.end;
  const size_t record = write_record(into.subspan(question.end), question, answer);
  return record == 0 ? 0 : question.end + record;
}

size_t write_name(std::span<uint8_t> into, std::string_view name) {
  if (name.empty() || name.size() > longest_name || into.size() < name.size() + 2) return 0;
  size_t at = 0;
  while (!name.empty()) {
    const std::string_view label = take_first(name);
    if (label.empty() || label.size() > longest_label) return 0;
    into[at++] = static_cast<uint8_t>(label.size());
    at = static_cast<size_t>(
        std::copy(label.begin(), label.end(), into.begin() + static_cast<std::ptrdiff_t>(at)) -
        into.begin());
  }
  into[at++] = 0;
  return at;
}

}  // namespace bridle::packet
