#include "packet/dhcp.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "packet/bytes.h"

namespace bridle::packet {
namespace {

using Bytes = std::vector<uint8_t>;

const MacAddress mac{{0x52, 0x54, 0, 0, 0, 1}};
IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

Bytes question(DhcpType type) {
  Bytes bytes(400);
  DhcpQuestion q;
  q.type = type;
  q.transaction = 0x01020304;
  q.broadcast = true;
  q.hardware = mac;
  q.requested = ip("10.9.0.5");
  q.server_id = ip("10.9.0.1");
  bytes.resize(build_dhcp(bytes, q));
  return bytes;
}

// The options behind the fixed part, as a map would have them.
Bytes option(const Bytes& message, uint8_t code) {
  for (size_t at = 240; at + 1 < message.size() && message[at] != 255; at += 2U + message[at + 1])
    if (message[at] == code)
      return {message.begin() + static_cast<long>(at) + 2,
              message.begin() + static_cast<long>(at) + 2 + message[at + 1]};
  return {};
}

TEST(Dhcp, QuestionIsReadAsWritten) {
  const Bytes bytes = question(DhcpType::request);
  ASSERT_EQ(bytes.size(), 300U);
  const auto m = parse_dhcp(bytes);
  ASSERT_TRUE(m);
  EXPECT_FALSE(m->reply);
  EXPECT_EQ(name(m->type), "request");
  EXPECT_EQ(m->transaction, 0x01020304U);
  EXPECT_TRUE(m->broadcast);
  EXPECT_EQ(m->hardware, mac);
  EXPECT_EQ(m->requested, ip("10.9.0.5"));
  EXPECT_EQ(m->server_id, ip("10.9.0.1"));
  EXPECT_TRUE(m->wanted.test(1) && m->wanted.test(26) && !m->wanted.test(2));
  EXPECT_TRUE(m->client.is_unspecified() && m->relay.is_unspecified());
}

TEST(Dhcp, AnswerTellsAll) {
  const Bytes asked = question(DhcpType::discover);
  const auto m = parse_dhcp(asked);
  const std::array servers{ip("fd00::53"), ip("10.9.0.53"), ip("10.9.0.54")};
  DhcpAnswer answer;
  answer.server = ip("10.9.0.1");
  answer.yours = ip("10.9.0.5");
  answer.lease = 3600;
  answer.mask = 23;
  answer.router = ip("10.9.0.1");
  answer.name_servers = servers;
  answer.host_name = "web";
  answer.domain = "lab.internal";
  answer.mtu = 1450;
  Bytes bytes(548);
  bytes.resize(build_dhcp(bytes, *m, answer));
  ASSERT_GE(bytes.size(), 300U);
  const auto read = parse_dhcp(bytes);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->reply && is_dhcp_reply(bytes) && !is_dhcp_reply(asked));
  EXPECT_EQ(read->type, DhcpType::offer);
  EXPECT_EQ(read->yours, ip("10.9.0.5"));
  EXPECT_EQ(read->server_id, ip("10.9.0.1"));
  EXPECT_EQ(read->transaction, 0x01020304U);
  EXPECT_EQ(read->hardware, mac);
  EXPECT_EQ(option(bytes, 1), (Bytes{255, 255, 254, 0}));
  EXPECT_EQ(option(bytes, 3), (Bytes{10, 9, 0, 1}));
  EXPECT_EQ(option(bytes, 6), (Bytes{10, 9, 0, 53, 10, 9, 0, 54}));
  EXPECT_EQ(option(bytes, 12), (Bytes{'w', 'e', 'b'}));
  EXPECT_EQ(option(bytes, 15).size(), 12U);
  EXPECT_EQ(option(bytes, 26), (Bytes{0x05, 0xaa}));
  EXPECT_EQ(option(bytes, 51), (Bytes{0, 0, 0x0e, 0x10}));
  EXPECT_EQ(option(bytes, 58), (Bytes{0, 0, 0x07, 0x08}));
  EXPECT_EQ(option(bytes, 59), (Bytes{0, 0, 0x0c, 0x4e}));
}

TEST(Dhcp, RefusalTellsNothingElse) {
  const Bytes asked = question(DhcpType::request);
  DhcpAnswer answer;
  answer.type = DhcpType::refuse;
  answer.server = ip("10.9.0.1");
  answer.yours = ip("10.9.0.5");
  answer.lease = 3600;
  answer.mask = 24;
  Bytes bytes(548);
  bytes.resize(build_dhcp(bytes, *parse_dhcp(asked), answer));
  const auto read = parse_dhcp(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->type, DhcpType::refuse);
  EXPECT_TRUE(read->yours.is_unspecified());
  EXPECT_TRUE(option(bytes, 51).empty() && option(bytes, 1).empty());
}

TEST(Dhcp, ClientIdentifierComesBack) {  // RFC 6842
  Bytes asked = question(DhcpType::discover);
  const Bytes id{61, 7, 1, 0x52, 0x54, 0, 0, 0, 1, 255};
  size_t end = 240;
  while (asked[end] != 255) end += 2U + asked[end + 1];
  std::copy(id.begin(), id.end(), asked.begin() + static_cast<long>(end));
  const auto m = parse_dhcp(asked);
  ASSERT_TRUE(m);
  Bytes bytes(548);
  bytes.resize(build_dhcp(bytes, *m, DhcpAnswer{}));
  EXPECT_EQ(option(bytes, 61), (Bytes{1, 0x52, 0x54, 0, 0, 0, 1}));
}

TEST(Dhcp, LyingLengthsAreRefused) {
  const Bytes good = question(DhcpType::request);
  for (size_t size = 0; size < 240; ++size)
    ASSERT_FALSE(parse_dhcp(std::span(good).first(size))) << size;
  struct Case {
    const char* what;
    size_t at;
    uint8_t value;
  };
  for (const Case& c : {Case{"no operation", 0, 0},
                        {"an operation of nobody", 0, 3},
                        {"another link", 1, 6},
                        {"longer hardware addresses", 2, 16},
                        {"another cookie", 236, 0},
                        {"a type of two bytes", 241, 2},
                        {"a type past the end", 241, 255},
                        {"no such type", 242, 9},
                        {"type zero", 242, 0},
                        {"an address of 3 bytes", 244, 3},
                        {"overload", 243, 52},
                        {"a second type", 243, 53}}) {
    Bytes bytes = good;
    bytes[c.at] = c.value;
    EXPECT_FALSE(parse_dhcp(bytes)) << c.what;
  }
  Bytes cut = good;
  cut.resize(244);  // code without a length
  EXPECT_FALSE(parse_dhcp(cut));
  cut.resize(240);  // no type at all
  EXPECT_FALSE(parse_dhcp(cut));
}

TEST(Dhcp, SaysWhenItDoesNotFit) {
  Bytes small(299);
  EXPECT_EQ(build_dhcp(small, DhcpQuestion{}), 0U);
  EXPECT_EQ(build_dhcp(small, DhcpMessage{}, DhcpAnswer{}), 0U);
  const std::string long_name(255, 'x');
  DhcpAnswer answer;
  answer.host_name = answer.domain = long_name;
  Bytes some(548);
  EXPECT_EQ(build_dhcp(some, DhcpMessage{}, answer), 0U);
}

}  // namespace
}  // namespace bridle::packet
