#include "packet/address.h"

#include <gtest/gtest.h>

namespace bridle::packet {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }
IpPrefix prefix(std::string_view text) { return IpPrefix::parse(text).value(); }

TEST(MacAddress, ReadsWhatItWrites) {
  const MacAddress mac = MacAddress::parse("52:54:00:Ab:cD:01").value();
  EXPECT_EQ(mac.text(), "52:54:00:ab:cd:01");
  EXPECT_FALSE(mac.is_multicast());
  EXPECT_TRUE(MacAddress::parse("01:00:5e:00:00:01").value().is_multicast());
  EXPECT_TRUE(MacAddress::parse("ff:ff:ff:ff:ff:ff").value().is_broadcast());
  EXPECT_TRUE(MacAddress{}.is_zero());
}

TEST(MacAddress, RefusesWhatIsNone) {
  for (const char* text : {"", "52:54:00:12:34", "52:54:00:12:34:5", "52:54:00:12:34:567",
                           "52-54-00-12-34-56", "52:54:00:12:34:5g", "52:54:00:12:34:56 "})
    EXPECT_FALSE(MacAddress::parse(text).ok()) << text;
}

TEST(IpAddress, ReadsWhatItWrites) {
  for (const char* text : {"10.9.0.1", "0.0.0.0", "255.255.255.255", "::", "::1", "fe80::1",
                           "2001:db8::8:800:200c:417a", "2001:db8:0:1:1:1:1:1"})
    EXPECT_EQ(ip(text).text(), text);
  EXPECT_EQ(ip("::ffff:10.9.0.1"), ip("10.9.0.1"));
  EXPECT_EQ(ip("10.9.0.1"), IpAddress::v4(Be32::of(0x0a090001)));
  EXPECT_EQ(ip("10.9.0.1").v4().value(), 0x0a090001U);
}

TEST(IpAddress, RefusesWhatIsNone) {
  for (const char* text : {"", "10.9.0", "10.9.0.256", "10.9.0.1/24", "010.9.0.1", "fe80::1%eth0",
                           "[::1]", ":::", "1:2:3:4:5:6:7:8:9", "::1 "})
    EXPECT_FALSE(IpAddress::parse(text).ok()) << text;
  EXPECT_FALSE(IpAddress::parse(std::string_view("::1\0::", 6)).ok());
  EXPECT_FALSE(IpAddress::parse(std::string(1000, '1')).ok());
}

TEST(IpAddress, KnowsItsKind) {
  EXPECT_TRUE(ip("224.0.0.18").is_multicast());
  EXPECT_TRUE(ip("239.255.255.255").is_multicast());
  EXPECT_FALSE(ip("240.0.0.1").is_multicast());
  EXPECT_TRUE(ip("ff02::1").is_multicast());
  EXPECT_FALSE(ip("fe80::1").is_multicast());
  EXPECT_TRUE(ip("0.0.0.0").is_unspecified());
  EXPECT_TRUE(ip("::").is_unspecified());
  EXPECT_FALSE(ip("::1").is_unspecified());
  EXPECT_TRUE(ip("169.254.1.1").is_link_local());
  EXPECT_TRUE(ip("febf::1").is_link_local());
  EXPECT_FALSE(ip("fec0::1").is_link_local());
  EXPECT_TRUE(ip("1.2.3.4").is_v4());
  EXPECT_FALSE(ip("::1.2.3.4").is_v4());
}

TEST(IpPrefix, ReadsWhatItWrites) {
  for (const char* text : {"10.9.0.0/24", "0.0.0.0/0", "10.9.0.1/32", "fd00::/64", "::/0",
                           "fd00::1/128", "10.128.0.0/9"})
    EXPECT_EQ(prefix(text).text(), text);
  EXPECT_EQ(prefix("10.9.0.0/24").length, 120);
}

TEST(IpPrefix, RefusesWhatIsNone) {
  for (const char* text : {"10.9.0.0", "10.9.0.0/", "10.9.0.0/33", "10.9.0.0/-1", "10.9.0.0/24x",
                           "10.9.0.1/24", "fd00::1/64", "fd00::/129", "/24", "10.9.0.0/ 24"})
    EXPECT_FALSE(IpPrefix::parse(text).ok()) << text;
}

TEST(IpPrefix, Contains) {
  struct Case {
    const char* prefix;
    const char* address;
    bool contains;
  };
  for (const Case& c : {Case{"10.9.0.0/24", "10.9.0.255", true},
                        {"10.9.0.0/24", "10.9.1.0", false},
                        {"10.9.0.0/23", "10.9.1.0", true},
                        {"10.9.0.0/30", "10.9.0.4", false},
                        {"0.0.0.0/0", "1.2.3.4", true},
                        {"0.0.0.0/0", "::1", false},
                        {"::/0", "1.2.3.4", true},
                        {"fd00::/64", "fd00::ffff:ffff:ffff:ffff", true},
                        {"fd00::/64", "fd00:0:0:1::", false},
                        {"fc00::/7", "fd00::1", true},
                        {"fd00::1/128", "fd00::1", true},
                        {"fd00::1/128", "fd00::2", false}})
    EXPECT_EQ(prefix(c.prefix).contains(ip(c.address)), c.contains) << c.prefix << c.address;
}

}  // namespace
}  // namespace bridle::packet
