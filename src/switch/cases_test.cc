// Every packet case: what leaves, where, with which bytes, what is dropped and why; the books
// closed after each; and `trace` says the same as the data plane does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "switch/cases/security_cases.h"
#include "switch/cases/team_cases.h"
#include "switch/cases/vlan_cases.h"

namespace bridle::net::testing {

void PrintTo(const PacketCase::Output& output, std::ostream* out) {
  *out << "port " << output.port << ", " << output.bytes.size() << " bytes:";
  for (size_t i = 0; i < output.bytes.size() && i < 64; ++i)
    *out << ' ' << std::hex << static_cast<int>(output.bytes[i]) << std::dec;
}
static bool operator==(const PacketCase::Output& a, const PacketCase::Output& b) {
  return a.port == b.port && a.bytes == b.bytes;
}

namespace {

uint64_t dropped(const World& world, uint32_t port) { return world.totals(port).all_dropped(); }

// What only the data plane can know is not asked: what a driver takes.
bool is_for_trace(const PacketCase& it) {
  return it.drop != Drop::output_down && it.drop != Drop::cannot_segment;
}

void check_trace(World& world, const PacketCase& it) {
  if (!is_for_trace(it)) return;
  if (it.offload.segmentation != Offload::none || it.offload.needs_checksum) return;
  const auto report = world.sw.trace(it.from, it.frame);
  ASSERT_TRUE(report.ok());
  std::vector<PacketCase::Output> outputs;
  for (const TraceOutput& output : report->outputs) outputs.push_back({output.port, output.bytes});
  EXPECT_THAT(outputs, ::testing::UnorderedElementsAreArray(it.outputs));
  ASSERT_EQ(report->drops.size(), it.drop ? 1U : 0U);
  if (it.drop) {
    EXPECT_EQ(name(report->drops[0]), name(*it.drop));
  }
  EXPECT_FALSE(report->steps.empty());
}

void run(const PacketCase& it) {
  SCOPED_TRACE(it.name);
  World world(it.config, 256, it.abilities);
  if (it.before) it.before(world);
  check_trace(world, it);
  const uint64_t before = dropped(world, it.from);
  world.at(it.from).push(it.frame, it.offload);
  world.settle();
  std::vector<PacketCase::Output> outputs;
  for (const auto& [port, driver] : world.drivers())
    for (auto& sent : driver->sent()) outputs.push_back({port, std::move(sent.bytes)});
  EXPECT_THAT(outputs, ::testing::UnorderedElementsAreArray(it.outputs));
  EXPECT_EQ(dropped(world, it.from) - before, it.drop ? 1U : 0U);
  if (it.drop) {
    EXPECT_GE(world.drops(it.from, *it.drop), 1U) << name(*it.drop);
  }
  const Status books = world.sw.check_conservation();
  EXPECT_TRUE(books.ok()) << books.error().message();
  EXPECT_EQ(world.pool.free(), world.pool.size());
}

void run_all(const std::vector<PacketCase>& cases) {
  for (const PacketCase& it : cases) run(it);
}

TEST(Cases, Forwarding) { run_all(forward_cases()); }
TEST(Cases, Multicast) { run_all(multicast_cases()); }
TEST(Cases, Vlans) { run_all(vlan_cases()); }
TEST(Cases, Sources) { run_all(source_cases()); }
TEST(Cases, Learning) { run_all(learning_cases()); }
TEST(Cases, Receiving) { run_all(receiving_cases()); }
TEST(Cases, Links) { run_all(link_cases()); }
TEST(Cases, Teams) { run_all(team_cases()); }
TEST(Cases, Mirrors) { run_all(mirror_cases()); }
TEST(Cases, Sizes) { run_all(size_cases()); }

}  // namespace
}  // namespace bridle::net::testing
