#include "model/machine.h"

#include <gtest/gtest.h>

#include "model/schema.h"

namespace bridle::model {
namespace {

MachineSpec full() {
  MachineSpec spec;
  spec.power = Power::running;
  spec.image = "debian";
  spec.cpus = 2;
  spec.memory = 512ull << 20;
  spec.zone = "blue";
  spec.wishes = {"recordable"};
  spec.restart = Restart::always;
  spec.stop_timeout = std::chrono::milliseconds(1500);
  spec.kernel_arguments = "quiet";
  spec.disks = {{"root", "web-root", false}, {"data", "web-data", true}};
  spec.interfaces = {{"net0", "default", "52:54:00:12:34:56"}, {"net1", "back", ""}};
  spec.cpu = {250, 1500, 3000};
  spec.memory_share = {256ull << 20, 0, 1000};
  spec.disk = {50 << 20, 0, 1000};
  spec.display = Display::vga;
  spec.tpm = true;
  spec.seed = Seed{"web", {{"ann", {"ssh-ed25519 AAAAC3Nz ann@x"}, "login/password"}}, {"true"}};
  spec.raw = {{"-device", "edu"}, "#cloud-config\n"};
  return spec;
}

TEST(Machine, SpecSurvivesJsonAndIsInNormalForm) {
  for (const MachineSpec& spec : {full(), [] {
                                    MachineSpec least;
                                    least.image = "tiny";
                                    return least;
                                  }()}) {
    const json::object object = to_json(spec);
    const auto again = machine_spec(object);
    ASSERT_TRUE(again.ok()) << again.error().message();
    EXPECT_EQ(to_json(*again), object);
    const auto normal = normal_spec(Kind::machine, object);
    ASSERT_TRUE(normal.ok()) << normal.error().message();
    EXPECT_EQ(json::serialize(*normal), json::serialize(object));
  }
}

TEST(Machine, SpecSpelling) {
  const json::object object = to_json(full());
  EXPECT_EQ(object.at("memory"), json::value("512MiB"));
  EXPECT_EQ(object.at("stopTimeout"), json::value("1500ms"));
  EXPECT_EQ(object.at("restart"), json::value("always"));
  EXPECT_EQ(object.at("resources").at("cpu").at("reservation"), json::value("250m"));
  EXPECT_EQ(object.at("disks").at(1).at("readOnly"), json::value(true));
  EXPECT_EQ(object.at("seed").at("users").at(0).at("passwordSecret"),
            json::value("login/password"));
}

TEST(Machine, DefaultsOfTheViewAreThoseOfTheSchema) {
  const auto normal = normal_spec(Kind::machine, {{"image", "tiny"}});
  ASSERT_TRUE(normal.ok());
  MachineSpec least;
  least.image = "tiny";
  EXPECT_EQ(json::serialize(*normal), json::serialize(to_json(least)));
  const auto inner = normal_spec(
      Kind::machine, {{"image", "tiny"},
                      {"resources", {{"cpu", json::object()}, {"memory", json::object()}}},
                      {"interfaces", json::array{json::object{{"name", "net0"}}}}});
  ASSERT_TRUE(inner.ok()) << inner.error().message();
  const auto spec = machine_spec(*inner);
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->cpu.shares, Share{}.shares);
  EXPECT_EQ(spec->interfaces[0].network, "default");
}

TEST(Machine, StatusSurvivesJson) {
  MachineStatus status;
  status.phase = Phase::failed;
  status.reason = "Killed";
  status.message = "QEMU was killed";
  status.next = "restarting in 4s";
  status.since = *WallTime::parse("2026-01-02T03:04:05.678Z");
  status.observed_generation = 7;
  status.machine_generation = 2;
  status.boot = 9;
  status.pid = 4711;
  status.slot = 12;
  status.engine = "tcg";
  status.attachment = "dense";
  status.restarts = 3;
  status.last_exit = "signal 9";
  status.pinned = {"pc-i440fx-10.0", "qemu64", {{"disk/root", 4}}, {{"net0", "52:54:00:1:2:3"}}};
  status.usage = {1, 2, 3, 4, 5, 6};
  const json::object object = to_json(status);
  const auto again = machine_status(object);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(to_json(*again), object);
  EXPECT_EQ(again->pinned.slots[0].slot, 4u);
  EXPECT_EQ(again->usage.write_bytes, 6u);
  EXPECT_EQ(again->phase, Phase::failed);
}

TEST(Machine, ViewNamesThePlaceOfAWrongType) {
  const auto spec = machine_spec({{"disks", json::array{json::object{{"readOnly", "yes"}}}}});
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(spec.error().message(), "spec.disks[0].readOnly: expected true or false");
  EXPECT_FALSE(machine_status({{"phase", "unknown"}}).ok());
  EXPECT_FALSE(machine_status({{"pid", 5000000000}}).ok());
}

}  // namespace
}  // namespace bridle::model
