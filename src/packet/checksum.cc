#include "packet/checksum.h"

#include "packet/bytes.h"

namespace bridle::packet {

namespace {

uint64_t plus(uint64_t sum, uint64_t number) {
  sum += number;
  return sum + (sum < number ? 1 : 0);
}

uint16_t fold(uint64_t sum) {
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

uint64_t word(const uint8_t* at) {
  uint64_t number;
  std::memcpy(&number, at, sizeof(number));
  return number;
}

// The sum of words as they lie in memory. Two chains of additions, for one waits for its carry.
uint64_t sum_of(const uint8_t* at, size_t size) {
  uint64_t first = 0, second = 0;
  for (; size >= 32; at += 32, size -= 32) {
    first = plus(plus(first, word(at)), word(at + 8));
    second = plus(plus(second, word(at + 16)), word(at + 24));
  }
  for (; size >= 8; at += 8, size -= 8) first = plus(first, word(at));
  uint64_t rest = 0;
  if (size != 0) std::memcpy(&rest, at, size);
  return plus(plus(first, second), rest);
}

}  // namespace

void Checksum::add(std::span<const uint8_t> part) {
  const uint16_t sum = fold(sum_of(part.data(), part.size()));
  // From an odd place on, every byte is the other half of its word.
  sum_ += odd_ ? __builtin_bswap16(sum) : sum;
  odd_ = odd_ != (part.size() % 2 != 0);
}

void Checksum::add16(uint16_t number) { sum_ += __builtin_bswap16(number); }

uint16_t Checksum::folded() const { return __builtin_bswap16(fold(sum_)); }

Checksum pseudo_header(const IpAddress& from, const IpAddress& to, uint8_t protocol,
                       uint32_t size) {
  Checksum sum;
  // The prefix of a mapped IPv4 address must not count.
  const size_t skip = from.is_v4() ? 12 : 0;
  sum.add(std::span(from.bytes).subspan(skip));
  sum.add(std::span(to.bytes).subspan(skip));
  sum.add16(protocol);
  sum.add16(static_cast<uint16_t>(size >> 16));
  sum.add16(static_cast<uint16_t>(size));
  return sum;
}

uint16_t updated(uint16_t checksum, std::span<const uint8_t> before,
                 std::span<const uint8_t> after) {
  for (size_t i = 0; i + 1 < before.size() && i + 1 < after.size(); i += 2)
    checksum = updated(checksum, load16(&before[i]), load16(&after[i]));
  return checksum;
}

uint16_t updated(uint16_t checksum, uint16_t before, uint16_t after) {
  uint32_t sum = static_cast<uint16_t>(~checksum);
  sum += static_cast<uint16_t>(~before);
  sum += after;
  return static_cast<uint16_t>(~fold(sum));
}

}  // namespace bridle::packet
