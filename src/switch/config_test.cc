#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/file.h"
#include "switch/cases/team_cases.h"
#include "switch/cases/vlan_cases.h"
#include "switch/drop.h"
#include "switch/snapshot.h"

namespace bridle::net::testing {
namespace {

Config everything() {
  Config config = with(vlans(), [](Config& it) {
    it.zone = "lab";
    it.workers = 2;
    Group& group = it.groups[0];
    group.uuid.bytes[3] = 7;
    group.multicast = {{group_mac(1), 1}};
    group.prefixes = {*IpPrefix::parse("10.9.0.0/24"), *IpPrefix::parse("fd00::/64")};
    group.gateway4 = ip(254);
    group.gateway6 = *IpAddress::parse("fd00::1");
    group.gateway_mac = mac(254);
    group.registry[0].host_name = "web";
    group.dhcp = {true, 60, {ip(253)}, "lab.internal"};
    group.dns = true;
    group.fate = 3;
    group.teaming = Teaming::by_hash;
    Port& port = it.ports[0];
    port.attachment = Attachment::vhost_user;
    port.place = "/g/x/net0.sock";
    port.addresses = {ip(100)};
    port.security = Security{true, true, true};
    port.send = {1'000'000, 64'000};
    port.receive.bits_per_second = 5;
    port.shares = 7;
    port.learning.most = 3;
    port.link = false;
    it.mirrors = {{1, {1}, {1}, 2, 64}};
    it.modules = {"link"};
  });
  Port ring = plain_port(20, PortKind::ring);
  ring.transit = true;
  config.ports.push_back(ring);
  return config;
}

TEST(Config, ReadsWhatItWrites) {
  const Config config = everything();
  const auto again = config_from_json(to_json(config));
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(*again, config);
  const auto empty = config_from_json({});
  ASSERT_TRUE(empty.ok());
  EXPECT_EQ(*empty, Config{});
  EXPECT_EQ(to_json(Config{}), json::object{});
}

std::string refusal(std::string_view text) {
  const json::value document = json::parse(text);
  const auto config = config_from_json(document.as_object());
  return config.ok() ? "read" : config.error().message();
}

TEST(Config, RefusesByPath) {
  EXPECT_EQ(refusal(R"({"ports": [{"id": 1}, {"id": "two"}]})"),
            "ports[1].id: expected a whole number up to 4294967295");
  EXPECT_EQ(refusal(R"({"ports": [{"id": 1.5}]})"),
            "ports[0].id: expected a whole number up to 4294967295");
  EXPECT_EQ(refusal(R"({"ports": [{"id": -1}]})"),
            "ports[0].id: expected a whole number up to 4294967295");
  EXPECT_EQ(refusal(R"({"groups": [{"vlan": {"id": 65536}}]})"),
            "groups[0].vlan.id: expected a whole number up to 65535");
  EXPECT_EQ(refusal(R"({"groups": [{"vlan": {"mode": "veto"}}]})"),
            "groups[0].vlan.mode: expected one of access, trunk, guest");
  EXPECT_EQ(refusal(R"({"ports": [{"speed": 1}]})"), "ports[0].speed: no such member");
  EXPECT_EQ(refusal(R"({"ports": 1})"), "ports: expected a list");
  EXPECT_EQ(refusal(R"({"ports": [7]})"), "ports[0]: expected an object");
  EXPECT_EQ(refusal(R"({"ports": [{"link": 0}]})"), "ports[0].link: expected true or false");
  EXPECT_EQ(refusal(R"({"zone": "a\nb"})"), "zone: control character");
  EXPECT_TRUE(refusal(R"({"ports": [{"macs": ["x"]}]})").starts_with("ports[0].macs[0]: "));
}

std::string snapshot_refusal(const std::function<void(Config&)>& change) {
  const auto snapshot = Snapshot::build(with(plain_config(), change));
  return snapshot.ok() ? "built" : snapshot.error().message();
}

TEST(Snapshot, RefusesWhatMakesNoSense) {
  const auto refuses = [](const std::function<void(Config&)>& change, std::string_view says) {
    EXPECT_EQ(snapshot_refusal(change), says);
  };
  refuses([](Config& it) { it.ports[1].id = 1; }, "ports[1].id: is ports[0].id, too");
  refuses([](Config& it) { it.ports[1].id = 0; }, "ports[1].id: 0 is nobody's");
  refuses([](Config& it) { it.ports[1].group = 9; }, "ports[1].group: there is no such group");
  refuses([](Config& it) { it.ports[1].group = 0; }, "ports[1].group: missing");
  refuses([](Config& it) { it.ports[1].macs.clear(); }, "ports[1].macs: a guest has an address");
  refuses([](Config& it) { it.ports[1].macs = {group_mac(1)}; },
          "ports[1].macs: 01:00:5e:00:00:01 is nobody's address");
  refuses([](Config& it) { it.ports[1].macs = {mac(1)}; },
          "ports[1].macs: 52:54:00:00:00:01 belongs to ports[0].macs");
  refuses([](Config& it) { it.ports[1].shares = 0; }, "ports[1].shares: from 1 to 1000000");
  refuses([](Config& it) { it.groups[0].mtu = 10; }, "groups[0].mtu: from 68 to 65535");
  refuses([](Config& it) { it.groups[0].vlan.id = 4095; },
          "groups[0].vlan: an identifier is at most 4094");
  refuses([](Config& it) { it.groups[0].vlan.native = 5; },
          "groups[0].vlan: allowed and native are for trunks");
  refuses(
      [](Config& it) {
        it.mirrors = {{1, {}, {}, 9, 0}};
      },
      "mirrors[0].to: there is no such port");
  refuses(
      [](Config& it) {
        it.groups[0].multicast = {{mac(1), 1}};
      },
      "groups[0].multicast[0]: needs a group address and a port of the group");
  refuses(
      [](Config& it) {
        it.groups[0].registry.push_back({mac(9), ip(1), {}});
      },
      "groups[0].registry[3].address: 10.9.0.1 is another's");
}

TEST(Snapshot, TwoGroupsOfOneVlanShareNoTrunk) {
  const auto two = with(vlans(), [](Config& it) { it.groups[1].vlan.id = 5; });
  const auto snapshot = Snapshot::build(two);
  ASSERT_FALSE(snapshot.ok());
  EXPECT_EQ(snapshot.error().message(), "ports[3].vlan: two groups have the identifier 5");
}

TEST(Snapshot, ModulesMustMakeAGraph) {
  const auto says = [](std::vector<std::string> modules) {
    return snapshot_refusal([&](Config& it) { it.modules = std::move(modules); });
  };
  EXPECT_EQ(says({"nonsense"}), "modules[0]: there is no module \"nonsense\"");
  EXPECT_EQ(says({"security"}), "modules[0]: \"security\" needs vlan before it");
  EXPECT_EQ(says({"link", "link"}), "modules[1]: \"link\" twice");
  EXPECT_EQ(says({"mtu"}), "modules[0]: \"mtu\" does not stand here");
  EXPECT_EQ(says({"link", "vlan"}), "modules: forward is missing");
}

TEST(Snapshot, OwnersOfAddresses) {
  auto config = plain_config();
  config.ports[0].addresses = {ip(50), ip(60)};
  config.ports[1].addresses = {ip(60)};
  const auto snapshot = *Snapshot::build(config);
  ASSERT_NE(snapshot->owner(0, ip(1)), nullptr);
  EXPECT_EQ(snapshot->owner(0, ip(1))->port, 0);
  EXPECT_EQ(snapshot->owner(0, ip(50))->mac, mac(1));
  EXPECT_TRUE(snapshot->owner(0, ip(60))->shared);
  EXPECT_EQ(snapshot->owner(0, ip(99)), nullptr);
}

TEST(Drop, NamesAreUniqueAndHaveSentences) {
  for (size_t i = 0; i < drop_count; ++i) {
    const auto reason = static_cast<Drop>(i);
    EXPECT_EQ(drop_from_name(name(reason)), reason);
    EXPECT_GT(sentence(reason).size(), 10U);
  }
  EXPECT_FALSE(drop_from_name("nothing").has_value());
}

// docs/switch.md has every reason with its sentence.
TEST(Drop, IsDocumented) {
  const auto page = read_file(std::string(BRIDLE_SOURCE_DIR) + "/docs/switch.md");
  ASSERT_TRUE(page.ok());
  for (size_t i = 0; i < drop_count; ++i) {
    const auto reason = static_cast<Drop>(i);
    const std::string row = "| `" + std::string(name(reason)) + "` | " + std::string(who(reason)) +
                            " | " + std::string(sentence(reason)) + " |";
    EXPECT_NE(page->find(row), std::string::npos) << row;
  }
}

}  // namespace
}  // namespace bridle::net::testing
