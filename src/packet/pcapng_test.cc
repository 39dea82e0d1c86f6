#include "packet/pcapng.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace bridle::packet {
namespace {

using Bytes = std::vector<uint8_t>;

uint32_t word(const Bytes& bytes, size_t at) {
  uint32_t number = 0;
  std::memcpy(&number, &bytes.at(at), sizeof(number));
  return number;
}

// Blocks are told apart by walking their lengths; each says its own at both ends.
std::vector<Bytes> blocks(const Bytes& bytes) {
  std::vector<Bytes> all;
  for (size_t at = 0; at < bytes.size();) {
    const uint32_t size = word(bytes, at + 4);
    EXPECT_EQ(size % 4, 0U);
    EXPECT_EQ(word(bytes, at + size - 4), size);
    all.emplace_back(bytes.begin() + static_cast<long>(at),
                     bytes.begin() + static_cast<long>(at + size));
    at += size;
  }
  return all;
}

bool has(const Bytes& bytes, const std::string& text) {
  return std::string(bytes.begin(), bytes.end()).find(text) != std::string::npos;
}

TEST(Pcapng, AFileOfOnePacket) {
  Bytes out;
  append_section(out, "bridle");
  append_interface(out, "lab/web/net0", 128);
  const Bytes first{1, 2, 3}, second{4, 5};
  const std::vector<std::span<const uint8_t>> parts{first, second};
  const uint64_t time = 0x0102030405060708;
  append_packet(out, {0, time, 60, Direction::outbound, "dropped: spoofed_arp"}, parts);
  const auto all = blocks(out);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(word(all[0], 0), 0x0a0d0d0aU);
  EXPECT_EQ(word(all[0], 8), 0x1a2b3c4dU);
  EXPECT_TRUE(has(all[0], "bridle"));
  EXPECT_EQ(word(all[1], 0), 1U);
  EXPECT_EQ(word(all[1], 8), 1U);  // Ethernet
  EXPECT_EQ(word(all[1], 12), 128U);
  EXPECT_TRUE(has(all[1], "lab/web/net0"));
  EXPECT_TRUE(has(all[1], std::string("\x09\0\x01\0\x09\0\0\0", 8)));
  EXPECT_EQ(word(all[2], 0), 6U);
  EXPECT_EQ(word(all[2], 12), 0x01020304U);
  EXPECT_EQ(word(all[2], 16), 0x05060708U);
  EXPECT_EQ(word(all[2], 20), 5U);
  EXPECT_EQ(word(all[2], 24), 60U);
  EXPECT_TRUE(has(all[2], std::string("\1\2\3\4\5\0\0\0", 8)));
  EXPECT_TRUE(has(all[2], "dropped: spoofed_arp"));
  EXPECT_TRUE(has(all[2], std::string("\2\0\4\0\2\0\0\0", 8)));
}

TEST(Pcapng, WithoutOptionsAndWithTooLongOnes) {
  Bytes out;
  append_packet(out, {}, {});
  EXPECT_EQ(blocks(out).at(0).size(), 36U);
  Bytes long_one;
  append_packet(long_one, {.comment = std::string(70'000, 'x')}, {});
  EXPECT_EQ(blocks(long_one).at(0).size(), 36U + 4 + 65'536);
}

}  // namespace
}  // namespace bridle::packet
