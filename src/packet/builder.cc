#include "packet/builder.h"

#include <algorithm>

#include "packet/bytes.h"
#include "packet/checksum.h"
#include "packet/headers.h"

namespace bridle::packet {

namespace {

constexpr size_t ipv4_size = 20, ipv6_size = 40, udp_size = 8, icmp_size = 4, tcp_size = 20;
constexpr size_t largest = 65'600;

void put(uint8_t* to, const MacAddress& mac) { std::copy_n(mac.bytes.data(), 6, to); }
void put4(uint8_t* to, const IpAddress& address) { std::copy_n(&address.bytes[12], 4, to); }
void put6(uint8_t* to, const IpAddress& address) { std::copy_n(address.bytes.data(), 16, to); }

}  // namespace

uint8_t* Builder::grow(size_t size) {
  if (size > into_.size() - size_) {
    overflow_ = true;
    scratch_ = {};
    return scratch_.data();
  }
  uint8_t* at = into_.data() + size_;
  std::fill_n(at, size, 0);
  size_ += size;
  return at;
}

void Builder::set_type(uint16_t type) {
  if (!overflow_) store16(&into_[type_at_], type);
}

void Builder::set_next(uint8_t protocol) {
  protocol_ = protocol;
  if (!overflow_ && next_at_ != 0) into_[next_at_] = protocol;
}

Builder& Builder::ethernet(MacAddress to, MacAddress from) {
  uint8_t* at = grow(14);
  put(at, to);
  put(at + 6, from);
  type_at_ = size_ - 2;
  return *this;
}

Builder& Builder::vlan(uint16_t tci, uint16_t type) {
  set_type(type);
  store16(grow(4), tci);
  type_at_ = size_ - 2;
  return *this;
}

Builder& Builder::ether_type(uint16_t type) {
  set_type(type);
  return *this;
}

Builder& Builder::arp(const ArpFields& fields) {
  set_type(ether_type::arp);
  network_ = size_;
  uint8_t* at = grow(28);
  store32(at, 0x00010800);
  store16(at + 4, 0x0604);
  store16(at + 6, fields.operation);
  put(at + 8, fields.sender_mac);
  put4(at + 14, fields.sender);
  put(at + 18, fields.target_mac);
  put4(at + 24, fields.target);
  return *this;
}

Builder& Builder::ipv4(const IpAddress& from, const IpAddress& to, const Ipv4Options& options) {
  set_type(ether_type::ipv4);
  network_ = size_;
  const size_t header = ipv4_size + std::min<size_t>(options.options.size(), 40);
  uint8_t* at = grow(header);
  at[0] = static_cast<uint8_t>(0x40 | header / 4);
  at[1] = options.service;
  store16(at + 4, options.id);
  store16(at + 6, options.place);
  at[8] = options.hop_limit;
  put4(at + 12, from);
  put4(at + 16, to);
  std::copy_n(options.options.data(), header - ipv4_size, at + ipv4_size);
  next_at_ = network_ + 9;
  transport_ = size_;
  version_ = 4;
  has_fragments_ = (options.place & 0x3fff) != 0;
  from_ = from;
  to_ = to;
  return *this;
}

Builder& Builder::ipv6(const IpAddress& from, const IpAddress& to, const Ipv6Options& options) {
  set_type(ether_type::ipv6);
  network_ = size_;
  uint8_t* at = grow(ipv6_size);
  at[0] = 0x60;
  at[7] = options.hop_limit;
  put6(at + 8, from);
  put6(at + 24, to);
  next_at_ = network_ + 6;
  transport_ = size_;
  version_ = 6;
  from_ = from;
  to_ = to;
  return *this;
}

Builder& Builder::extension(uint8_t type, std::span<const uint8_t> body) {
  set_next(type);
  next_at_ = size_;
  uint8_t* at = grow(2);
  at[1] = static_cast<uint8_t>((body.size() + 2) / 8 - 1);
  payload(body);
  transport_ = size_;
  return *this;
}

Builder& Builder::fragment(uint16_t place, uint32_t id) {
  set_next(protocol::fragment);
  next_at_ = size_;
  uint8_t* at = grow(8);
  store16(at + 2, place);
  store32(at + 4, id);
  transport_ = size_;
  has_fragments_ = has_fragments_ || (place & 0xfff9) != 0;
  return *this;
}

Builder& Builder::tcp(uint16_t from, uint16_t to, const TcpOptions& options) {
  set_next(protocol::tcp);
  has_header_ = true;
  const size_t header = tcp_size + std::min<size_t>(options.options.size(), 40);
  uint8_t* at = grow(header);
  store16(at, from);
  store16(at + 2, to);
  store32(at + 4, options.sequence);
  store32(at + 8, options.acknowledgment);
  at[12] = static_cast<uint8_t>(header / 4 << 4);
  at[13] = options.flags;
  store16(at + 14, options.window);
  std::copy_n(options.options.data(), header - tcp_size, at + tcp_size);
  return *this;
}

Builder& Builder::udp(uint16_t from, uint16_t to) {
  set_next(protocol::udp);
  has_header_ = true;
  uint8_t* at = grow(udp_size);
  store16(at, from);
  store16(at + 2, to);
  return *this;
}

Builder& Builder::icmp(uint8_t type, uint8_t code) {
  set_next(version_ == 6 ? protocol::icmpv6 : protocol::icmp);
  has_header_ = true;
  uint8_t* at = grow(icmp_size);
  at[0] = type;
  at[1] = code;
  return *this;
}

Builder& Builder::protocol(uint8_t number) {
  set_next(number);
  return *this;
}

Builder& Builder::payload(std::span<const uint8_t> bytes) {
  if (bytes.size() > into_.size() - size_) {
    overflow_ = true;
    return *this;
  }
  std::copy(bytes.begin(), bytes.end(), into_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += bytes.size();
  return *this;
}

Builder& Builder::payload(size_t size, uint8_t byte) {
  if (size > into_.size() - size_) {
    overflow_ = true;
    return *this;
  }
  std::fill_n(into_.begin() + static_cast<std::ptrdiff_t>(size_), size, byte);
  size_ += size;
  return *this;
}

// Over the transport header, whose own checksum is still zero, and its payload.
uint16_t Builder::sum_transport() const {
  const std::span<const uint8_t> bytes = into_.subspan(transport_, size_ - transport_);
  Checksum sum;
  if (protocol_ != protocol::icmp)
    sum = pseudo_header(from_, to_, protocol_, static_cast<uint32_t>(bytes.size()));
  sum.add(bytes);
  return protocol_ == protocol::udp ? sum.udp_value() : sum.value();
}

void Builder::finish_transport() {
  if (!has_header_) return;
  uint8_t* at = into_.data() + transport_;
  const bool udp = protocol_ == protocol::udp;
  if (udp) store16(at + 4, static_cast<uint16_t>(size_ - transport_));
  if (has_fragments_) return;
  const size_t place = protocol_ == protocol::tcp ? 16 : udp ? 6 : 2;
  store16(at + place, sum_transport());
}

size_t Builder::finish() {
  if (overflow_) return 0;
  if (version_ == 0) return size_;
  uint8_t* at = into_.data() + network_;
  if (version_ == 4) {
    store16(at + 2, static_cast<uint16_t>(size_ - network_));
    store16(at + 10, checksum({at, size_t{at[0]} % 16 * 4}));
  } else {
    store16(at + 4, static_cast<uint16_t>(size_ - network_ - ipv6_size));
  }
  finish_transport();
  return size_;
}

std::vector<uint8_t> build(const std::function<void(Builder&)>& write) {
  std::vector<uint8_t> bytes(largest);
  Builder builder(bytes);
  write(builder);
  bytes.resize(builder.finish());
  return bytes;
}

}  // namespace bridle::packet
