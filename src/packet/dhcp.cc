#include "packet/dhcp.h"

#include <algorithm>
#include <array>

#include "packet/bytes.h"

namespace bridle::packet {

namespace {

// Offsets of the fixed part, which ends in the cookie.
constexpr size_t transaction_at = 4, seconds_at = 8, flags_at = 10, client_at = 12, yours_at = 16,
                 server_at = 20, relay_at = 24, hardware_at = 28, cookie_at = 236, options_at = 240;
constexpr uint32_t cookie = 0x63825363;
constexpr size_t least_size = 300;
constexpr uint8_t request = 1, reply = 2, ethernet = 1, hardware_size = 6;
constexpr uint16_t broadcast_flag = 0x8000;

enum Option : uint8_t {
  pad = 0,
  subnet_mask = 1,
  router = 3,
  name_server = 6,
  host_name = 12,
  domain_name = 15,
  interface_mtu = 26,
  requested_address = 50,
  lease_time = 51,
  overload = 52,
  message_type = 53,
  server_identifier = 54,
  parameter_list = 55,
  renewal_time = 58,
  rebinding_time = 59,
  client_identifier = 61,
  end = 255,
};

IpAddress address(const uint8_t* at) { return IpAddress::v4({{at[0], at[1], at[2], at[3]}}); }

bool read_address(std::span<const uint8_t> value, std::optional<IpAddress>& into) {
  if (value.size() != 4 || into) return false;
  into = address(value.data());
  return true;
}

bool read_option(uint8_t code, std::span<const uint8_t> value, DhcpMessage& message,
                 bool& has_type) {
  switch (code) {
    case message_type:
      if (value.size() != 1 || has_type || value[0] < 1 || value[0] > 8) return false;
      message.type = static_cast<DhcpType>(value[0]);
      has_type = true;
      return true;
    case requested_address:
      return read_address(value, message.requested);
    case server_identifier:
      return read_address(value, message.server_id);
    case parameter_list:
      for (const uint8_t wanted : value) message.wanted.set(wanted);
      return true;
    case client_identifier:
      message.client_id = value;
      return value.size() >= 2;
    case overload:
      return false;
    default:
      return true;
  }
}

bool read_options(std::span<const uint8_t> options, DhcpMessage& message) {
  bool has_type = false;
  while (!options.empty() && options[0] != end) {
    if (options[0] == pad) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options.size() - 2 < options[1]) return false;
    const uint8_t size = options[1];
    if (!read_option(options[0], options.subspan(2, size), message, has_type)) return false;
    options = options.subspan(2U + size);
  }
  return has_type;
}

// Writes options; says by `fits` whether there was room.
class Options {
 public:
  explicit Options(std::span<uint8_t> into) : into_(into) {}

  void bytes(uint8_t code, std::span<const uint8_t> value) {
    const size_t size = std::min<size_t>(value.size(), 255);
    if (into_.size() - at_ < size + 3) {  // and the end
      fits_ = false;
      return;
    }
    into_[at_++] = code;
    into_[at_++] = static_cast<uint8_t>(size);
    std::copy_n(value.begin(), size, into_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ += size;
  }
  void number(uint8_t code, uint32_t value) { bytes(code, Be32::of(value).bytes); }
  void text(uint8_t code, std::string_view value) {
    if (!value.empty()) bytes(code, {reinterpret_cast<const uint8_t*>(value.data()), value.size()});
  }
  void address(uint8_t code, const IpAddress& value) {
    if (value.is_v4() && !value.is_unspecified()) bytes(code, value.v4().bytes);
  }
  void addresses(uint8_t code, std::span<const IpAddress> values) {
    std::array<uint8_t, 12> four{};
    size_t size = 0;
    for (const IpAddress& value : values) {
      if (!value.is_v4() || size == four.size()) continue;
      std::copy_n(&value.bytes[12], 4, &four[size]);
      size += 4;
    }
    if (size != 0) bytes(code, std::span(four).first(size));
  }
  // The size of all, the end included; 0: they did not fit.
  size_t finish() {
    if (!fits_) return 0;
    into_[at_++] = end;
    return at_;
  }

 private:
  std::span<uint8_t> into_;
  size_t at_ = 0;
  bool fits_ = true;
};

// The part before the options, zero but for what every message has.
void write_fixed(std::span<uint8_t> into, uint8_t operation, uint32_t transaction,
                 const MacAddress& hardware) {
  std::fill(into.begin(), into.end(), 0);
  into[0] = operation;
  into[1] = ethernet;
  into[2] = hardware_size;
  store32(&into[transaction_at], transaction);
  std::copy(hardware.bytes.begin(), hardware.bytes.end(), &into[hardware_at]);
  store32(&into[cookie_at], cookie);
}

void put(uint8_t* to, const IpAddress& from) {
  if (from.is_v4()) std::copy_n(&from.bytes[12], 4, to);
}

uint32_t mask_of(uint8_t bits) {
  return bits == 0 ? 0 : ~uint32_t{0} << (32 - std::min<uint8_t>(bits, 32));
}

void write_lease(Options& options, const DhcpAnswer& answer) {
  if (answer.lease == 0) return;
  options.number(lease_time, answer.lease);
  options.number(renewal_time, answer.lease / 2);
  options.number(rebinding_time, static_cast<uint32_t>(uint64_t{answer.lease} * 7 / 8));
}

void write_configuration(Options& options, const DhcpAnswer& answer) {
  if (answer.mask != 0) options.number(subnet_mask, mask_of(answer.mask));
  options.address(router, answer.router);
  options.addresses(name_server, answer.name_servers);
  options.text(host_name, answer.host_name);
  options.text(domain_name, answer.domain);
  if (answer.mtu != 0) options.bytes(interface_mtu, Be16::of(answer.mtu).bytes);
}

}  // namespace

std::string_view name(DhcpType type) {
  constexpr std::string_view names[] = {"none",        "discover", "offer",   "request", "decline",
                                        "acknowledge", "refuse",   "release", "inform"};
  const auto number = static_cast<size_t>(type);
  return number < std::size(names) ? names[number] : "none";
}

std::optional<DhcpMessage> parse_dhcp(std::span<const uint8_t> message) {
  if (message.size() < options_at || load32(&message[cookie_at]) != cookie) return std::nullopt;
  if (message[0] != request && message[0] != reply) return std::nullopt;
  if (message[1] != ethernet || message[2] != hardware_size) return std::nullopt;
  DhcpMessage m;
  m.reply = message[0] == reply;
  m.transaction = load32(&message[transaction_at]);
  m.seconds = load16(&message[seconds_at]);
  m.broadcast = (load16(&message[flags_at]) & broadcast_flag) != 0;
  m.client = address(&message[client_at]);
  m.yours = address(&message[yours_at]);
  m.server = address(&message[server_at]);
  m.relay = address(&message[relay_at]);
  std::copy_n(&message[hardware_at], m.hardware.bytes.size(), m.hardware.bytes.begin());
  if (!read_options(message.subspan(options_at), m)) return std::nullopt;
  return m;
}

size_t build_dhcp(std::span<uint8_t> into, const DhcpMessage& to, const DhcpAnswer& answer) {
  if (into.size() < least_size) return 0;
  write_fixed(into, reply, to.transaction, to.hardware);
  store16(&into[flags_at], to.broadcast ? broadcast_flag : 0);
  const bool refuses = answer.type == DhcpType::refuse;
  if (!refuses) {
    put(&into[client_at], to.client);
    put(&into[yours_at], answer.yours);
    put(&into[server_at], answer.server);
  }
  put(&into[relay_at], to.relay);
  Options options(into.subspan(options_at));
  options.bytes(message_type, std::array{static_cast<uint8_t>(answer.type)});
  options.address(server_identifier, answer.server);
  if (!refuses) {
    write_lease(options, answer);
    write_configuration(options, answer);
  }
  if (!to.client_id.empty()) options.bytes(client_identifier, to.client_id);  // RFC 6842
  const size_t size = options.finish();
  return size == 0 ? 0 : std::max(options_at + size, least_size);
}

size_t build_dhcp(std::span<uint8_t> into, const DhcpQuestion& question) {
  if (into.size() < least_size) return 0;
  write_fixed(into, request, question.transaction, question.hardware);
  store16(&into[flags_at], question.broadcast ? broadcast_flag : 0);
  if (question.client) put(&into[client_at], *question.client);
  Options options(into.subspan(options_at));
  options.bytes(message_type, std::array{static_cast<uint8_t>(question.type)});
  if (question.requested) options.address(requested_address, *question.requested);
  if (question.server_id) options.address(server_identifier, *question.server_id);
  options.bytes(parameter_list, std::array<uint8_t, 5>{subnet_mask, router, name_server,
                                                       domain_name, interface_mtu});
  const size_t size = options.finish();
  return size == 0 ? 0 : std::max(options_at + size, least_size);
}

}  // namespace bridle::packet
