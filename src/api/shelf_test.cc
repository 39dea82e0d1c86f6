#include "api/shelf.h"

#include <gtest/gtest.h>

#include "api/objects.h"
#include "api/testing.h"

namespace bridle::api {
namespace {

using model::Kind;
using testing::World;

using Shown = std::vector<std::pair<std::string, std::string>>;  // name, text

// What the store says, one by one.
Shown truth(store::Store& store, Kind kind, const std::string& project, std::string_view after) {
  Shown out;
  const std::string prefix = model::spec_key(kind, project, {});
  const auto listing = store.list(prefix);
  for (const store::Entry& entry : listing->entries) {
    const std::string name = entry.key.substr(prefix.size());
    if (name <= after) continue;
    auto found = find_object(store, kind, project, name);
    out.emplace_back(name, shown_text((*std::move(found))->object));
  }
  return out;
}

Shown walk(Shelf& shelf, store::Store& store, Kind kind, const std::string& project,
           std::string_view after = {}, size_t most = SIZE_MAX) {
  Shown out;
  const auto whole = shelf.walk(store, kind, project, after,
                                [&](const std::string& name, const Shelf::Item& item) {
                                  if (out.size() == most) return false;
                                  out.emplace_back(name, item.text);
                                  return true;
                                });
  EXPECT_TRUE(whole.ok());
  return out;
}

void put(World& world, std::string_view name,
         const std::string& status = R"({"phase":"running"})") {
  world.have(Kind::machine, "lab", name, R"({"image":"tiny"})", status);
}

std::string numbered(uint64_t number) {
  std::string digits = std::to_string(number);
  return "m" + std::string(4 - digits.size(), '0') + digits;
}

TEST(Shelf, SecondWalkReadsNothing) {
  World world;
  for (uint64_t i = 0; i < 200; ++i) put(world, numbered(i));
  Shelf shelf;
  store::Store& store = world.backend.store();
  const Shown first = walk(shelf, store, Kind::machine, "lab");
  EXPECT_EQ(first, truth(store, Kind::machine, "lab", {}));
  const size_t before = world.backend.reads();
  EXPECT_EQ(walk(shelf, store, Kind::machine, "lab"), first);
  EXPECT_EQ(walk(shelf, store, Kind::machine, "lab", "m0150").size(), 49u);
  EXPECT_EQ(world.backend.reads(), before);
}

TEST(Shelf, WhatChangedAloneIsReadAgain) {
  World world;
  for (uint64_t i = 0; i < 200; ++i) put(world, numbered(i));
  Shelf shelf;
  store::Store& store = world.backend.store();
  walk(shelf, store, Kind::machine, "lab");
  world.commit("/status/machine/lab/m0007", R"({"phase":"defined"})");
  world.commit("/spec/machine/lab/m0009", std::nullopt);
  world.commit("/status/machine/lab/m0009", std::nullopt);
  put(world, "m0100a");
  put(world, "z");
  world.have(Kind::machine, "other", "m0001", "{}");
  const size_t before = world.backend.reads();
  const Shown now = walk(shelf, store, Kind::machine, "lab");
  EXPECT_LT(world.backend.reads() - before, 10u);
  EXPECT_EQ(now, truth(store, Kind::machine, "lab", {}));
  EXPECT_EQ(now.size(), 201u);
}

TEST(Shelf, SecretsAreBlankedAndTheirKeysTold) {
  World world;
  world.have(Kind::secret, "lab", "login", R"({"data":{"password":"swordfish"}})");
  Shelf shelf;
  const Shown shown = walk(shelf, world.backend.store(), Kind::secret, "lab");
  ASSERT_EQ(shown.size(), 1u);
  EXPECT_EQ(shown[0].second.find("swordfish"), std::string::npos);
  EXPECT_NE(shown[0].second.find("password"), std::string::npos);
}

TEST(Shelf, ProjectsAreCountedAnew) {
  World world;
  world.have(Kind::project, "", "lab", "{}");
  Shelf shelf;
  store::Store& store = world.backend.store();
  const Shown before = walk(shelf, store, Kind::project, "");
  put(world, "web");
  const Shown after = walk(shelf, store, Kind::project, "");
  EXPECT_EQ(after, truth(store, Kind::project, "", {}));
  EXPECT_NE(after, before);
}

TEST(Shelf, WhatNobodyAsksForGoes) {
  World world;
  put(world, "web");
  Shelf shelf;
  store::Store& store = world.backend.store();
  walk(shelf, store, Kind::machine, "lab");
  shelf.tidy();
  EXPECT_GT(shelf.bytes(), 0u);
  shelf.tidy();
  EXPECT_EQ(shelf.bytes(), 0u);
  EXPECT_EQ(walk(shelf, store, Kind::machine, "lab").size(), 1u);
}

TEST(Shelf, TooManyChangesToFollowAreABeginAnew) {
  World world;
  for (uint64_t i = 0; i < 100; ++i) put(world, numbered(i));
  Shelf shelf;
  store::Store& store = world.backend.store();
  walk(shelf, store, Kind::machine, "lab");
  for (int i = 0; i < 2500; ++i)
    world.commit("/status/machine/lab/m0042", R"({"n":)" + std::to_string(i) + "}");
  EXPECT_EQ(walk(shelf, store, Kind::machine, "lab"), truth(store, Kind::machine, "lab", {}));
  ASSERT_TRUE(store.compact(store.revision()).ok());
  put(world, "one-more");
  EXPECT_EQ(walk(shelf, store, Kind::machine, "lab"), truth(store, Kind::machine, "lab", {}));
}

TEST(Shelf, CorruptObjectsAreNamed) {
  World world;
  put(world, "web");
  world.commit("/status/machine/lab/web", "no json");
  Shelf shelf;
  const auto walked = shelf.walk(world.backend.store(), Kind::machine, "lab", {},
                                 [](const std::string&, const Shelf::Item&) { return true; });
  ASSERT_FALSE(walked.ok());
  EXPECT_EQ(walked.error().code(), Code::corrupt);
  EXPECT_NE(walked.error().message().find("/spec/machine/lab/web"), std::string::npos);
}

// Whatever happens between the walks, and however little room there is: never over its bound, and
// never anything but what the store has.
void try_anything(size_t most_bytes) {
  World world;
  Shelf shelf(most_bytes);
  SeededRandom random(most_bytes + 1);
  store::Store& store = world.backend.store();
  const std::string projects[] = {"lab", "lab-2", "prod"};
  for (int step = 0; step < 3000; ++step) {
    const std::string& project = projects[random.below(3)];
    const std::string name = numbered(random.below(300));
    const std::string status = "/status/machine/" + project + "/" + name;
    switch (random.below(6)) {
      case 0:
      case 1:
        world.have(Kind::machine, project, name, R"({"image":"tiny"})", R"({"phase":"running"})");
        break;
      case 2:
        world.commit(status, R"({"step":)" + std::to_string(step) + "}");
        break;
      case 3:
        world.commit("/spec/machine/" + project + "/" + name, std::nullopt);
        break;
      case 4:
        world.commit(status, std::nullopt);
        break;
      default: {
        const std::string after = random.below(2) == 0 ? "" : numbered(random.below(300));
        const size_t most = random.below(2) == 0 ? SIZE_MAX : random.below(100);
        Shown wanted = truth(store, Kind::machine, project, after);
        wanted.resize(std::min(wanted.size(), most));
        ASSERT_EQ(walk(shelf, store, Kind::machine, project, after, most), wanted);
        ASSERT_LE(shelf.bytes(), most_bytes);
        if (random.below(20) == 0) shelf.tidy();
      }
    }
  }
}

TEST(Shelf, ShowsWhatTheStoreHas) {
  for (const size_t most_bytes : {size_t{1} << 24, size_t{60} << 10, size_t{20} << 10, size_t{0}})
    try_anything(most_bytes);
}

}  // namespace
}  // namespace bridle::api
