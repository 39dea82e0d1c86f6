#include "packet/dns.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "packet/bytes.h"

namespace bridle::packet {
namespace {

using Bytes = std::vector<uint8_t>;

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

Bytes query(const std::string& labels, uint16_t type, uint16_t flags = 0x0100) {
  Bytes bytes(12, 0);
  store16(&bytes[0], 0xbeef);
  store16(&bytes[2], flags);
  store16(&bytes[4], 1);
  bytes.insert(bytes.end(), labels.begin(), labels.end());
  bytes.insert(bytes.end(), {0, 0, static_cast<uint8_t>(type), 0, 1});
  return bytes;
}

const std::string web = "\3WeB\3lab";

TEST(Dns, QuestionIsRead) {
  const auto q = parse_question(query(web, dns_type::aaaa));
  ASSERT_TRUE(q);
  EXPECT_EQ(q->id, 0xbeef);
  EXPECT_TRUE(q->recursion);
  EXPECT_EQ(q->name.text(), "web.lab");
  EXPECT_EQ(q->type, dns_type::aaaa);
  EXPECT_EQ(q->klass, dns_internet);
  EXPECT_EQ(q->end, 25U);
}

TEST(Dns, WhatIsNoQuestion) {
  const Bytes good = query(web, 1);
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse_question(std::span(good).first(size))) << size;
  EXPECT_FALSE(parse_question(query(web, 1, 0x8100)));  // an answer
  EXPECT_FALSE(parse_question(query(web, 1, 0x2800)));  // an update
  EXPECT_FALSE(parse_question(query(web, 1, 0x0300)));  // cut
  for (const size_t count : {4U, 6U, 8U}) {
    Bytes bytes = good;
    store16(&bytes[count], 2);
    EXPECT_FALSE(parse_question(bytes)) << count;
  }
  EXPECT_FALSE(parse_question(query("\4we.b", 1)));  // a dot in a label
  EXPECT_FALSE(parse_question(query(std::string("\2w\0", 3), 1)));
  EXPECT_FALSE(parse_question(query("\x40" + std::string(64, 'x'), 1)));
  std::string longest;
  for (int i = 0; i < 4; ++i) longest += "\x3e" + std::string(62, 'x');
  EXPECT_TRUE(parse_question(query(longest, 1)));  // 251 bytes
  EXPECT_FALSE(parse_question(query(longest + "\2yy", 1)));
}

TEST(Dns, CompressionIsFollowedBackwardsOnly) {
  // "lab" at 0, "web.lab" at 5, a pointer to that at 11.
  const Bytes good{3, 'l', 'a', 'b', 0, 3, 'w', 'e', 'b', 0xc0, 0, 0xc0, 5, 9};
  size_t at = 5;
  EXPECT_EQ(read_name(good, at)->text(), "web.lab");
  EXPECT_EQ(at, 11U);
  EXPECT_EQ(read_name(good, at)->text(), "web.lab");
  EXPECT_EQ(at, 13U);
  struct Case {
    const char* what;
    Bytes bytes;
    size_t at;
  };
  for (const Case& c : {Case{"itself", {0xc0, 0}, 0},
                        {"forwards", {0xc0, 2, 1, 'a', 0}, 0},
                        {"two at each other", {0xc0, 2, 0xc0, 0}, 2},
                        {"a loop with a label", {1, 'a', 0xc0, 0}, 0},
                        {"into its own name", {1, 'a', 1, 'b', 0xc0, 2}, 0},
                        {"half a pointer", {0xc0}, 0},
                        {"past the end", {0, 0xc0, 9}, 1},
                        {"a label kind of nobody", {0x40, 0}, 0},
                        {"no end", {1, 'a'}, 0},
                        {"nothing", {}, 0}}) {
    size_t place = c.at;
    EXPECT_FALSE(read_name(c.bytes, place)) << c.what;
  }
}

TEST(Dns, AnswerWithAnAddress) {
  const Bytes asked = query(web, dns_type::a);
  const auto q = parse_question(asked);
  DnsAnswer answer;
  answer.address = ip("10.9.0.5");
  Bytes bytes(512);
  bytes.resize(build_answer(bytes, asked, *q, answer));
  ASSERT_EQ(bytes.size(), asked.size() + 16);
  EXPECT_EQ(load16(&bytes[0]), 0xbeef);
  EXPECT_EQ(load16(&bytes[2]), 0x8580);
  EXPECT_EQ(load16(&bytes[6]), 1);
  EXPECT_EQ(Bytes(bytes.begin() + 12, bytes.begin() + 25), Bytes(asked.begin() + 12, asked.end()));
  EXPECT_EQ(Bytes(bytes.begin() + 25, bytes.end()),
            (Bytes{0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 9, 0, 5}));
}

TEST(Dns, AnswerWithAName) {
  const Bytes asked = query("\0015\0010\0019\00210\7in-addr\4arpa", dns_type::ptr);
  const auto q = parse_question(asked);
  ASSERT_TRUE(q);
  EXPECT_EQ(reverse_address(q->name.text()), ip("10.9.0.5"));
  DnsAnswer answer;
  answer.name = "web.lab";
  Bytes bytes(512);
  bytes.resize(build_answer(bytes, asked, *q, answer));
  size_t at = bytes.size() - 9;
  EXPECT_EQ(read_name(bytes, at)->text(), "web.lab");
  EXPECT_EQ(at, bytes.size());
}

TEST(Dns, NoSuchNameAndNothingOfThatType) {
  const Bytes asked = query(web, dns_type::a, 0x0000);
  const auto q = parse_question(asked);
  Bytes bytes(512);
  ASSERT_EQ(build_answer(bytes, asked, *q, {.result = DnsResult::no_such_name}), asked.size());
  EXPECT_EQ(load16(&bytes[2]), 0x8483);
  ASSERT_EQ(build_answer(bytes, asked, *q, {}), asked.size());
  EXPECT_EQ(load16(&bytes[2]), 0x8480);
  EXPECT_EQ(load16(&bytes[6]), 0);
}

TEST(Dns, SaysWhenItDoesNotFit) {
  const Bytes asked = query(web, dns_type::aaaa);
  const auto q = parse_question(asked);
  const DnsAnswer answer{.address = ip("fd00::1")};
  for (size_t size = 0; size < asked.size() + 28; ++size) {
    Bytes bytes(size);
    EXPECT_EQ(build_answer(bytes, asked, *q, answer), 0U) << size;
  }
  Bytes bytes(asked.size() + 28);
  EXPECT_EQ(build_answer(bytes, asked, *q, answer), bytes.size());
}

TEST(Dns, ReverseNames) {
  EXPECT_EQ(reverse_address("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f"
                            ".ip6.arpa"),
            ip("fd00::1"));
  for (const char* none :
       {"in-addr.arpa", ".in-addr.arpa", "1.2.3.in-addr.arpa", "1.2.3.4.5.in-addr.arpa",
        "1.2.3.256.in-addr.arpa", "1.2.3.x.in-addr.arpa", "1.0.ip6.arpa", "web.lab", ""})
    EXPECT_FALSE(reverse_address(none)) << none;
}

TEST(Dns, NamesThatCannotBeWritten) {
  Bytes into(300);
  EXPECT_EQ(write_name(into, "web.lab"), 9U);
  EXPECT_EQ(write_name(into, ""), 0U);
  EXPECT_EQ(write_name(into, "web..lab"), 0U);
  EXPECT_EQ(write_name(into, std::string(64, 'x')), 0U);
  EXPECT_EQ(write_name(into, std::string(254, 'x')), 0U);
  EXPECT_EQ(write_name(std::span(into).first(8), "web.lab"), 0U);
}

}  // namespace
}  // namespace bridle::packet
