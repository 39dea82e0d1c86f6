// Pinning: what is chosen, and that it stays.
#include "machine/pin.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"

namespace bridle::machine {
namespace {

model::MachineSpec spec_with(const std::vector<std::string>& disks,
                             const std::vector<std::string>& interfaces) {
  model::MachineSpec spec;
  for (const auto& name : disks) spec.disks.push_back({name, name, false});
  for (const auto& name : interfaces) spec.interfaces.push_back({name, "default", ""});
  return spec;
}

Uuid uuid_of(uint64_t seed) {
  SeededRandom random(seed);
  return Uuid::random(random);
}

uint32_t slot(const model::Pinned& pinned, const std::string& device) {
  const auto found = slot_of(pinned, device);
  EXPECT_TRUE(found.ok()) << device;
  return found.ok() ? *found : 0;
}

TEST(Pin, GivesEveryDeviceASlotOfItsOwn) {
  const auto pinned = pin(uuid_of(1), spec_with({"root", "data"}, {"net0", "net1"}), {});
  ASSERT_TRUE(pinned.ok());
  EXPECT_EQ(pinned->machine_type, "pc-i440fx-10.0");
  EXPECT_EQ(pinned->cpu_model.find("host"), std::string::npos);
  std::set<uint32_t> slots;
  for (const auto& each : pinned->slots) {
    EXPECT_TRUE(slots.insert(each.slot).second) << each.device;
    EXPECT_GE(each.slot, 2u);
    EXPECT_LE(each.slot, 31u);
  }
  EXPECT_EQ(pinned->slots.size(), 8u);
  EXPECT_EQ(slot(*pinned, "interface/net0"), 6u);
  EXPECT_EQ(slot(*pinned, "disk/root"), 14u);
}

TEST(Pin, ADisplayComesAfterTheDisksAndStays) {
  model::MachineSpec spec = spec_with({"root"}, {});
  spec.display = model::Display::vga;
  const auto first = pin(uuid_of(3), spec, {});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(slot(*first, "display"), 15u);
  spec.disks.push_back({"data", "data", false});
  const auto second = pin(uuid_of(3), spec, *first);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(slot(*second, "display"), 15u);
  EXPECT_EQ(slot(*second, "disk/data"), 16u);
}

TEST(Pin, DevicesKeepTheirSlotsWhenOthersComeAndGo) {
  const Uuid uuid = uuid_of(2);
  const auto first = pin(uuid, spec_with({"root", "data"}, {"net0", "net1"}), {});
  ASSERT_TRUE(first.ok());
  const auto second = pin(uuid, spec_with({"log", "data"}, {"net1"}), *first);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(slot(*second, "disk/data"), slot(*first, "disk/data"));
  EXPECT_EQ(slot(*second, "interface/net1"), slot(*first, "interface/net1"));
  EXPECT_EQ(slot(*second, "disk/log"), slot(*first, "disk/root"));  // the free one
  EXPECT_FALSE(slot_of(*second, "disk/root").ok());
  EXPECT_EQ(*mac_of(*second, "net1"), *mac_of(*first, "net1"));
  EXPECT_FALSE(mac_of(*second, "net0").ok());
  EXPECT_EQ(slot(*second, "rng"), slot(*first, "rng"));
}

TEST(Pin, IsIdempotentAndIgnoresTheOrderOfTheSpec) {
  const Uuid uuid = uuid_of(3);
  const auto first = pin(uuid, spec_with({"a", "b", "c"}, {"x", "y"}), {});
  ASSERT_TRUE(first.ok());
  const auto again = pin(uuid, spec_with({"c", "a", "b"}, {"y", "x"}), *first);
  ASSERT_TRUE(again.ok());
  for (const auto& each : first->slots) EXPECT_EQ(slot(*again, each.device), each.slot);
}

TEST(Pin, SecureBootTakesAQ35AndLeavesItsChipsetAlone) {
  std::vector<std::string> disks;
  for (int i = 0; i < 17; ++i) disks.push_back("d" + std::to_string(i));
  model::MachineSpec spec = spec_with(disks, {});
  spec.firmware = model::Firmware::uefi_secure;
  const auto pinned = pin(uuid_of(5), spec, {});
  ASSERT_TRUE(pinned.ok());
  EXPECT_EQ(pinned->machine_type, "pc-q35-10.0");
  for (const auto& each : pinned->slots) EXPECT_LE(each.slot, 30u);
  spec.disks.push_back({"more", "more"});
  EXPECT_EQ(pin(uuid_of(5), spec, {}).error().code(), Code::exhausted);
  spec.firmware = model::Firmware::bios;  // what is pinned stays
  spec.disks.pop_back();
  EXPECT_EQ(pin(uuid_of(5), spec, *pinned)->machine_type, "pc-q35-10.0");
}

TEST(Pin, KeepsAnOlderMachineTypeAndCpu) {
  model::Pinned old;
  old.machine_type = "pc-i440fx-9.2";
  old.cpu_model = "Nehalem-v1";
  const auto pinned = pin(uuid_of(4), spec_with({}, {}), old);
  ASSERT_TRUE(pinned.ok());
  EXPECT_EQ(pinned->machine_type, "pc-i440fx-9.2");
  EXPECT_EQ(pinned->cpu_model, "Nehalem-v1");
}

TEST(Pin, MacsAreLocalUnicastAndDistinct) {
  std::set<std::string> macs;
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto pinned = pin(uuid_of(100 + i), spec_with({}, {"net0", "net1"}), {});
    ASSERT_TRUE(pinned.ok());
    for (const auto& [name, mac] : pinned->macs) {
      EXPECT_TRUE(parse_mac(mac).ok()) << mac;
      EXPECT_EQ(mac.substr(0, 3), "52:");
      EXPECT_TRUE(macs.insert(mac).second) << mac;
    }
  }
}

TEST(Pin, TakesAMacFromTheSpecAndRefusesBadOnes) {
  auto spec = spec_with({}, {"net0", "net1"});
  spec.interfaces[0].mac = "02:AB:00:00:00:01";
  auto pinned = pin(uuid_of(5), spec, {});
  ASSERT_TRUE(pinned.ok());
  EXPECT_EQ(*mac_of(*pinned, "net0"), "02:ab:00:00:00:01");
  spec.interfaces[1].mac = "02:ab:00:00:00:01";
  pinned = pin(uuid_of(5), spec, {});
  ASSERT_FALSE(pinned.ok());
  EXPECT_EQ(pinned.error().code(), Code::invalid);
  for (const auto* bad :
       {"", "02:ab", "03:00:00:00:00:01", "00:00:00:00:00:00", "02-ab-00-00-00-01",
        "02:ab:00:00:00:0g", "02:ab:00:00:00:011", "+2:ab:00:00:00:01"})
    EXPECT_FALSE(parse_mac(bad).ok()) << bad;
}

TEST(Pin, RefusesDoublesAndTooMany) {
  EXPECT_EQ(pin(uuid_of(6), spec_with({"a", "a"}, {}), {}).error().code(), Code::invalid);
  std::vector<std::string> many;
  for (int i = 0; i < 19; ++i) many.push_back("d" + std::to_string(i));
  EXPECT_EQ(pin(uuid_of(6), spec_with(many, {}), {}).error().code(), Code::exhausted);
  many.pop_back();
  EXPECT_TRUE(pin(uuid_of(6), spec_with(many, {}), {}).ok());
  many.resize(9);
  EXPECT_EQ(pin(uuid_of(6), spec_with({}, many), {}).error().code(), Code::exhausted);
}

}  // namespace
}  // namespace bridle::machine
