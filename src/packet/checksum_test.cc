#include "packet/checksum.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "packet/bytes.h"

namespace bridle::packet {
namespace {

using Bytes = std::vector<uint8_t>;

// As RFC 1071 says it in words.
uint16_t plainly(const Bytes& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

Bytes random_bytes(std::mt19937& random, size_t size) {
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

TEST(Checksum, KnownExample) {  // RFC 1071, section 3: the sum is ddf2
  EXPECT_EQ(checksum(Bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}), 0x220d);
  EXPECT_EQ(checksum({}), 0xffff);
}

TEST(Checksum, EverySizeAndContents) {
  std::mt19937 random(1);
  for (size_t size = 0; size < 200; ++size) {
    const Bytes bytes = random_bytes(random, size);
    EXPECT_EQ(checksum(bytes), plainly(bytes)) << size;
    EXPECT_EQ(checksum(Bytes(size, 0xff)), plainly(Bytes(size, 0xff))) << size;
  }
  const Bytes large(65'535, 0xff);
  EXPECT_EQ(checksum(large), plainly(large));
}

TEST(Checksum, PartsOfAnySize) {
  std::mt19937 random(2);
  const Bytes bytes = random_bytes(random, 999);
  for (int round = 0; round < 200; ++round) {
    Checksum sum;
    for (size_t at = 0; at < bytes.size();) {
      const size_t piece = std::min<size_t>(random() % 40, bytes.size() - at);
      sum.add(std::span(bytes).subspan(at, piece));
      at += piece;
    }
    ASSERT_EQ(sum.value(), plainly(bytes));
  }
}

TEST(Checksum, OfAPacketWithItsChecksumIsRight) {
  Bytes bytes{1, 2, 3, 4, 0, 0, 7, 8, 9};
  store16(&bytes[4], checksum(bytes));
  Checksum sum;
  sum.add(bytes);
  EXPECT_TRUE(sum.is_right());
  bytes[0] ^= 4;
  Checksum broken;
  broken.add(bytes);
  EXPECT_FALSE(broken.is_right());
}

TEST(Checksum, OfUdpIsNeverZero) {
  EXPECT_EQ(checksum(Bytes{0xff, 0xff}), 0);
  Checksum sum;
  sum.add(Bytes{0xff, 0xff});
  EXPECT_EQ(sum.udp_value(), 0xffff);
}

TEST(Checksum, PseudoHeaderOfBothFamilies) {
  const auto ip = [](const char* text) { return IpAddress::parse(text).value(); };
  const Bytes four{10, 9, 0, 1, 10, 9, 0, 2, 0, 6, 1, 2};
  EXPECT_EQ(pseudo_header(ip("10.9.0.1"), ip("10.9.0.2"), 6, 0x102).value(), plainly(four));
  Bytes six(32, 0);
  six[0] = six[16] = 0xfd;
  six[15] = 1;
  six[31] = 2;
  six.insert(six.end(), {0, 1, 2, 3, 0, 0, 0, 58});
  EXPECT_EQ(pseudo_header(ip("fd00::1"), ip("fd00::2"), 58, 0x10203).value(), plainly(six));
}

TEST(Checksum, UpdatedAsIfSummedAnew) {
  std::mt19937 random(3);
  for (int round = 0; round < 1000; ++round) {
    Bytes bytes = random_bytes(random, 40);
    const uint16_t before = checksum(bytes);
    const Bytes old(bytes.begin() + 10, bytes.begin() + 26);
    const Bytes fresh = random_bytes(random, 16);
    std::copy(fresh.begin(), fresh.end(), bytes.begin() + 10);
    ASSERT_EQ(updated(before, old, fresh), checksum(bytes));
  }
  EXPECT_EQ(updated(0xdd2f, 0x5555, 0x3285), 0x0000);  // RFC 1624, section 4
}

}  // namespace
}  // namespace bridle::packet
