#include "switch/drivers/vhost_check.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace bridle::net {
namespace {

constexpr uint32_t version_bits = 3, version = 1, reply_bit = 4;
constexpr uint64_t log_all = uint64_t{1} << 26, packed_ring = uint64_t{1} << 34;
constexpr uint64_t no_descriptor = 0x100, index_bits = 0xff;
constexpr size_t region_bytes = 32;
constexpr uint64_t largest_memory = uint64_t{1} << 44;

uint64_t number64(std::span<const uint8_t> bytes, size_t at) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}
uint32_t number32(std::span<const uint8_t> bytes, size_t at) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

bool wraps(uint64_t start, uint64_t size) { return start + size < start; }

}  // namespace

struct VhostCheck::Rule {
  uint32_t request;
  const char* name;
  uint32_t size;  // of the payload; most_vhost_payload: any that fits
  std::string (VhostCheck::*check)(Payload, Facts);
};

const VhostCheck::Rule* VhostCheck::rule_of(uint32_t request) {
  static constexpr Rule rules[] = {
      {1, "GET_FEATURES", 0, &VhostCheck::nothing_more},
      {2, "SET_FEATURES", 8, &VhostCheck::features},
      {3, "SET_OWNER", 0, &VhostCheck::nothing_more},
      {5, "SET_MEM_TABLE", most_vhost_payload, &VhostCheck::memory},
      {6, "SET_LOG_BASE", 16, &VhostCheck::log_base},
      {8, "SET_VRING_NUM", 8, &VhostCheck::queue_size},
      {9, "SET_VRING_ADDR", 40, &VhostCheck::queue_addresses},
      {10, "SET_VRING_BASE", 8, &VhostCheck::queue_base},
      {11, "GET_VRING_BASE", 8, &VhostCheck::queue_end},
      {12, "SET_VRING_KICK", 8, &VhostCheck::queue_event},
      {13, "SET_VRING_CALL", 8, &VhostCheck::queue_event},
      {14, "SET_VRING_ERR", 8, &VhostCheck::queue_event},
      {15, "GET_PROTOCOL_FEATURES", 0, &VhostCheck::nothing_more},
      {16, "SET_PROTOCOL_FEATURES", 8, &VhostCheck::nothing_more},
      {17, "GET_QUEUE_NUM", 0, &VhostCheck::nothing_more},
      {18, "SET_VRING_ENABLE", 8, &VhostCheck::queue_enable},
      {19, "SEND_RARP", 8, &VhostCheck::nothing_more},
      {20, "NET_SET_MTU", 8, &VhostCheck::nothing_more},
  };
  const auto* found = std::find_if(std::begin(rules), std::end(rules),
                                   [&](const Rule& rule) { return rule.request == request; });
  return found == std::end(rules) ? nullptr : found;
}

std::string VhostCheck::header(const VhostHeader& header) const {
  const Rule* rule = rule_of(header.request);
  if (rule == nullptr) return "request " + std::to_string(header.request) + " is not served";
  if ((header.flags & version_bits) != version || (header.flags & reply_bit) != 0)
    return std::string(rule->name) + ": flags that are no request's";
  const bool any = rule->size == most_vhost_payload;
  if (any ? header.size > most_vhost_payload : header.size != rule->size)
    return std::string(rule->name) + " of " + std::to_string(header.size) + " bytes";
  return {};
}

std::string VhostCheck::message(const VhostHeader& header, Payload payload, Facts descriptors) {
  const Rule* rule = rule_of(header.request);
  const std::string why = (this->*rule->check)(payload, descriptors);
  return why.empty() ? why : std::string(rule->name) + ": " + why;
}

std::string VhostCheck::nothing_more(Payload, Facts facts) {
  return facts.empty() ? "" : "descriptors beside it";
}

std::string VhostCheck::features(Payload payload, Facts facts) {
  const uint64_t wanted = number64(payload, 0);
  if (!facts.empty()) return "descriptors beside it";
  if ((wanted & packed_ring) != 0) return "packed rings were not offered";
  const bool placed =
      std::any_of(queues_.begin(), queues_.end(), [](const Queue& queue) { return queue.placed; });
  if (placed && ((wanted ^ features_) & ~log_all) != 0)
    return "other features while queues have addresses";
  features_ = wanted;
  return {};
}

std::string VhostCheck::memory(Payload payload, Facts facts) {
  if (payload.size() < 8) return "cut";
  const uint32_t count = number32(payload, 0);
  if (count == 0 || count > most_vhost_descriptors) return std::to_string(count) + " regions";
  if (payload.size() != 8 + count * region_bytes) return "not as long as its regions";
  if (facts.size() != count) return "not one descriptor a region";
  unsealed_ = false;
  for (uint32_t i = 0; i < count; ++i) {
    const size_t at = 8 + i * region_bytes;
    const uint64_t guest = number64(payload, at), size = number64(payload, at + 8),
                   user = number64(payload, at + 16), offset = number64(payload, at + 24);
    if (size == 0 || size > largest_memory || wraps(guest, size) || wraps(user, size) ||
        wraps(offset, size))
      return "a region that wraps round";
    if (!facts[i].memory || facts[i].size < offset + size) return "a region beyond its file";
    unsealed_ |= !facts[i].sealed;
  }
  return {};
}

std::string VhostCheck::log_base(Payload payload, Facts facts) {
  const uint64_t size = number64(payload, 0), offset = number64(payload, 8);
  if (facts.size() != 1) return "not one descriptor";
  if (size == 0 || size > largest_memory || wraps(offset, size)) return "a size that wraps round";
  if (!facts[0].memory || facts[0].size < offset + size) return "beyond its file";
  unsealed_ |= !facts[0].sealed;
  return {};
}

std::string VhostCheck::queue_size(Payload payload, Facts facts) {
  const uint32_t index = number32(payload, 0), size = number32(payload, 4);
  if (!facts.empty()) return "descriptors beside it";
  if (index >= most_queues) return "of queue " + std::to_string(index);
  if (!std::has_single_bit(size) || size > 32768) return std::to_string(size) + " entries";
  Queue& queue = queues_[index];
  if (queue.placed && queue.size != size) return "another size while the queue has addresses";
  queue.size = size;
  return {};
}

std::string VhostCheck::queue_addresses(Payload payload, Facts facts) {
  const uint32_t index = number32(payload, 0);
  if (!facts.empty()) return "descriptors beside it";
  if (index >= most_queues) return "of queue " + std::to_string(index);
  Queue& queue = queues_[index];
  if (queue.size == 0) return "of a queue without a size";
  if (number64(payload, 8) % 16 != 0 || number64(payload, 16) % 4 != 0 ||
      number64(payload, 24) % 2 != 0)
    return "addresses that are not aligned";
  queue.placed = true;
  return {};
}

std::string VhostCheck::queue_base(Payload payload, Facts facts) {
  if (!facts.empty()) return "descriptors beside it";
  if (number32(payload, 0) >= most_queues) return "of a queue that is not there";
  return number32(payload, 4) <= 0xffff ? "" : "an index of more than 16 bits";
}

std::string VhostCheck::queue_end(Payload payload, Facts facts) {
  const uint32_t index = number32(payload, 0);
  if (!facts.empty()) return "descriptors beside it";
  if (index >= most_queues) return "of queue " + std::to_string(index);
  queues_[index] = {};
  return {};
}

std::string VhostCheck::queue_enable(Payload payload, Facts facts) {
  if (!facts.empty()) return "descriptors beside it";
  return number32(payload, 0) < most_queues ? "" : "of a queue that is not there";
}

std::string VhostCheck::queue_event(Payload payload, Facts facts) {
  const uint64_t value = number64(payload, 0);
  if ((value & index_bits) >= most_queues) return "of a queue that is not there";
  if ((value & ~(index_bits | no_descriptor)) != 0) return "bits that mean nothing";
  if ((value & no_descriptor) != 0) return facts.empty() ? "" : "a descriptor beside it";
  if (facts.size() != 1) return "not one descriptor";
  return facts[0].event ? "" : "a descriptor that is no eventfd";
}

}  // namespace bridle::net
