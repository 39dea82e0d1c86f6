// VhostCheck: what a vhost-user front end (QEMU, or whoever took it over) may say, and when. Every
// message passes here before rte_vhost sees it, whole, with its descriptors: rte_vhost believes
// more than it should.
//
// What is refused, beside requests that nobody needs and sizes that are not the request's:
//   - a queue size that changes once the queue's addresses are set: rte_vhost would read
//   descriptors
//     behind the end of the table that it had measured
//   - features that change while a queue has addresses, but for VHOST_F_LOG_ALL: the layout of what
//   was
//     measured would be another
//   - memory regions that wrap round, or are longer than the file behind them
//   - kick, call and error descriptors that are no eventfds: writing to a pipe blocks
//   - queues beyond most_queues, packed rings, postcopy, the IOMMU, in-flight buffers,
//   configuration
//
// The protocol: docs/interop/vhost-user in QEMU's documentation. GET_VRING_BASE ends a queue: then
// its addresses are forgotten, and everything may be said anew.
//
// Thread class: a value; one connection's. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

namespace bridle::net {

constexpr uint32_t most_queues = 8;  // four pairs
constexpr size_t vhost_header_size = 12;
constexpr size_t most_vhost_payload = 8 + 8 * 32;  // a table of eight regions
constexpr size_t most_vhost_descriptors = 8;

struct VhostHeader {
  uint32_t request = 0, flags = 0, size = 0;
};

// What was asked of the kernel about a descriptor that came with a message.
struct DescriptorFacts {
  bool memory = false;  // a regular file
  bool sealed = false;  // it cannot shrink
  bool event = false;   // an eventfd, as far as can be told
  uint64_t size = 0;
};

class VhostCheck {
 public:
  // Empty: it may pass. Otherwise why not; the connection is to be closed.
  // Before its payload is read.
  std::string header(const VhostHeader& header) const;
  // The whole. REQUIRES: header() said nothing.
  std::string message(const VhostHeader& header, std::span<const uint8_t> payload,
                      std::span<const DescriptorFacts> descriptors);

  // Some of the guest's memory can be taken back while it is in use (hazards.h).
  bool unsealed() const { return unsealed_; }

 private:
  using Payload = std::span<const uint8_t>;
  using Facts = std::span<const DescriptorFacts>;
  struct Rule;
  static const Rule* rule_of(uint32_t request);

  std::string features(Payload payload, Facts facts);
  std::string memory(Payload payload, Facts facts);
  std::string queue_size(Payload payload, Facts facts);
  std::string queue_addresses(Payload payload, Facts facts);
  std::string queue_base(Payload payload, Facts facts);
  std::string queue_end(Payload payload, Facts facts);
  std::string queue_enable(Payload payload, Facts facts);
  std::string queue_event(Payload payload, Facts facts);
  std::string log_base(Payload payload, Facts facts);
  std::string nothing_more(Payload payload, Facts facts);

  struct Queue {
    uint32_t size = 0;
    bool placed = false;  // it has addresses
  };
  std::array<Queue, most_queues> queues_{};
  uint64_t features_ = 0;
  bool unsealed_ = false;
};

}  // namespace bridle::net
