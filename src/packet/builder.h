// Builder: frames written layer by layer, outermost first, for what the switch says itself and for
// tests. It writes into bytes of the caller's and allocates nothing; finish() sets the lengths, the
// types and protocols of what follows, and all checksums.
//
//   std::array<uint8_t, 1514> buffer;
//   Builder frame(buffer);
//   frame.ethernet(to, from).ipv4(me, you).udp(67, 68).payload(message);
//   const size_t size = frame.finish();       // 0: it did not fit
//
// Layers that need more say so in a struct with defaults. What the builder computed can be spoiled
// afterwards: offset(layer) says where it stands.
//
// Thread class: one thread's.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "packet/address.h"

namespace bridle::packet {

struct Ipv4Options {
  uint8_t hop_limit = 64;
  uint8_t service = 0;
  uint16_t id = 0;
  uint16_t place = 0x4000;           // flags and fragment offset, as on the wire
  std::span<const uint8_t> options;  // a multiple of 4 bytes
};

struct Ipv6Options {
  uint8_t hop_limit = 64;
};

struct TcpOptions {
  uint32_t sequence = 0, acknowledgment = 0;
  uint8_t flags = 0x10;  // ACK
  uint16_t window = 65'535;
  std::span<const uint8_t> options;  // a multiple of 4 bytes
};

struct ArpFields {
  uint16_t operation = 1;
  MacAddress sender_mac;
  IpAddress sender;
  MacAddress target_mac;
  IpAddress target;
};

class Builder {
 public:
  explicit Builder(std::span<uint8_t> into) : into_(into) {}

  Builder& ethernet(MacAddress to, MacAddress from);
  Builder& vlan(uint16_t tci, uint16_t type = 0x8100);
  Builder& arp(const ArpFields& fields);
  Builder& ipv4(const IpAddress& from, const IpAddress& to, const Ipv4Options& = {});
  Builder& ipv6(const IpAddress& from, const IpAddress& to, const Ipv6Options& = {});
  // An IPv6 extension header that carries `body` behind its two first bytes (8n - 2 bytes); its
  // own type is `type` (0, 43, 60...).
  Builder& extension(uint8_t type, std::span<const uint8_t> body);
  // An IPv6 fragment header: `place` as on the wire.
  Builder& fragment(uint16_t place, uint32_t id);
  Builder& tcp(uint16_t from, uint16_t to, const TcpOptions& = {});
  Builder& udp(uint16_t from, uint16_t to);
  // ICMP or ICMPv6, by what IP is before it; what follows the checksum is payload.
  Builder& icmp(uint8_t type, uint8_t code);
  // A transport of that number, whose header is payload.
  Builder& protocol(uint8_t number);
  Builder& payload(std::span<const uint8_t> bytes);
  Builder& payload(size_t size, uint8_t byte);
  // The Ethernet type when no layer that is known follows.
  Builder& ether_type(uint16_t type);

  // Lengths and checksums. The frame's size; 0: it did not fit.
  size_t finish();

  size_t network() const { return network_; }      // offset of ARP or IP
  size_t transport() const { return transport_; }  // offset of what IP carries

 private:
  // Room for one more piece, zeroed; when it does not fit, scratch that nobody reads.
  uint8_t* grow(size_t size);
  void set_type(uint16_t type);
  void set_next(uint8_t protocol);
  void finish_transport();
  uint16_t sum_transport() const;

  std::span<uint8_t> into_;
  size_t size_ = 0;
  bool overflow_ = false;
  size_t type_at_ = 0;  // of the Ethernet type that the next layer sets
  size_t next_at_ = 0;  // of the protocol number that the next layer sets
  size_t network_ = 0, transport_ = 0;
  uint8_t version_ = 0;  // of the IP layer; 0: none
  uint8_t protocol_ = 0;
  bool has_fragments_ = false;  // checksums are of the whole datagram: left alone
  bool has_header_ = false;     // of the transport
  IpAddress from_, to_;
  std::array<uint8_t, 64> scratch_{};
};

// For tests and tools: the frame that `write` builds, at most 65,600 bytes; empty: it did not fit.
std::vector<uint8_t> build(const std::function<void(Builder&)>& write);

}  // namespace bridle::packet
