#include "api/watch.h"

#include <gtest/gtest.h>

#include "api/testing.h"

namespace bridle::api {
namespace {

using testing::Reply;
using testing::text;
using testing::World;

std::unique_ptr<EventSource> watch(World& world, const std::string& query,
                                   const Caller& caller = World::root, Fields headers = {}) {
  Answer answer = world.ask_raw(caller, "GET", "/api/v1/watch" + query, {}, std::move(headers));
  auto* stream = std::get_if<EventStream>(&answer);
  return stream == nullptr ? nullptr : std::move(stream->source);
}

size_t count(const std::string& text, std::string_view what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

std::string key(std::string_view name, std::string_view project = "lab") {
  return model::spec_key(model::Kind::machine, project, name);
}

TEST(Watch, TellsWhatHappens) {
  World world;
  world.have(model::Kind::machine, "lab", "old", "{}");
  const auto source = watch(world, "");
  EXPECT_EQ(source->pull(1 << 20), "");
  world.have(model::Kind::machine, "lab", "web", "{}", R"({"phase":"running"})");
  const std::string put = source->pull(1 << 20);
  EXPECT_EQ(count(put, "event: put\n"), 1u);  // spec and status: one event
  EXPECT_EQ(put.substr(0, 6), "id: 3\n");
  EXPECT_NE(put.find(R"("status":{"phase":"running"})"), std::string::npos);
  world.commit(key("web"), std::nullopt);
  EXPECT_EQ(source->pull(1 << 20),
            "id: 4\nevent: delete\ndata: {\"apiVersion\":\"bridle/v1\",\"kind\":\"Machine\","
            "\"metadata\":{\"name\":\"web\",\"project\":\"lab\"}}\n\n");
  EXPECT_EQ(source->heartbeat(), ": heartbeat\n\n");
}

TEST(Watch, ResumesFromARevision) {
  World world;
  for (int i = 0; i < 5; ++i)
    world.have(model::Kind::machine, "lab", "m" + std::to_string(i), "{}");
  EXPECT_EQ(count(watch(world, "?since=2")->pull(1 << 20), "event: put"), 3u);
  EXPECT_EQ(count(watch(world, "?since=0")->pull(1 << 20), "event: put"), 5u);
  EXPECT_EQ(count(watch(world, "?since=0", World::root, {{"last-event-id", "4"}})->pull(1 << 20),
                  "event: put"),
            1u);
  EXPECT_EQ(world.ask(World::root, "GET", "/api/v1/watch?since=6").status, 400);
  EXPECT_EQ(world.ask(World::root, "GET", "/api/v1/watch?kinds=cats").status, 400);
}

TEST(Watch, Filters) {
  World world;
  world.have(model::Kind::machine, "lab", "a", "{}");
  world.have(model::Kind::machine, "web", "b", "{}");
  world.have(model::Kind::secret, "lab", "s", R"({"data":{"k":"hunter2"}})");
  EXPECT_EQ(count(watch(world, "?since=0&kinds=machines")->pull(9999), "event"), 2u);
  EXPECT_EQ(count(watch(world, "?since=0&kinds=machines,secret")->pull(9999), "event"), 3u);
  EXPECT_EQ(count(watch(world, "?since=0&project=web")->pull(9999), "event"), 1u);
  EXPECT_EQ(count(watch(world, "?since=0&name=a")->pull(9999), "event"), 1u);
  EXPECT_EQ(count(watch(world, "?since=0&selector=x")->pull(9999), "event"), 0u);
  EXPECT_EQ(watch(world, "?since=0")->pull(9999).find("hunter2"), std::string::npos);
  // What was skipped is told by a bookmark, so that a resume need not look at it again.
  const auto nothing = watch(world, "?since=0&name=none");
  EXPECT_EQ(nothing->pull(9999), "");
  EXPECT_EQ(nothing->heartbeat(), "id: 3\nevent: bookmark\ndata: {}\n\n");
  EXPECT_EQ(nothing->heartbeat(), ": heartbeat\n\n");
}

TEST(Watch, ShowsTenantsTheirOwnWhileTheyMay) {
  World world;
  world.have_role("lab", "tenant", 1000, R"(["lab"])");
  const auto source = watch(world, "", {1000, 1, {}});
  ASSERT_NE(source, nullptr);
  world.have(model::Kind::machine, "web", "theirs", "{}");
  world.have(model::Kind::machine, "lab", "own", "{}");
  const std::string seen = source->pull(9999);
  EXPECT_EQ(count(seen, "event: put"), 1u);
  EXPECT_EQ(seen.find("theirs"), std::string::npos);
  world.commit(key("theirs", "web"), std::nullopt);
  EXPECT_EQ(source->pull(9999), "");
  world.commit(model::spec_key(model::Kind::role, {}, "lab"), std::nullopt);
  EXPECT_EQ(source->pull(9999), "event: resume\ndata: {}\n\n");
  EXPECT_TRUE(source->ended());
}

TEST(Watch, SaysWhenHistoryIsGone) {
  World world;
  for (int i = 0; i < 9; ++i)
    world.have(model::Kind::machine, "lab", "m" + std::to_string(i), "{}");
  const auto slow = watch(world, "?since=1");
  ASSERT_TRUE(world.backend.store().compact(5).ok());
  const Reply gone = world.ask(World::root, "GET", "/api/v1/watch?since=2");
  EXPECT_EQ(gone.status, 410);
  EXPECT_EQ(text(gone.body, "error.oldest"), std::to_string(world.backend.store().oldest()));
  EXPECT_EQ(slow->pull(9999).substr(0, 11), "event: gone");
  EXPECT_TRUE(slow->ended());
  EXPECT_EQ(slow->farewell(), "");
}

TEST(Watch, SlowReadersCostNoMemory) {
  World world;
  for (int i = 0; i < 1000; ++i)
    world.have(model::Kind::machine, "lab", "m" + std::to_string(i), "{}");
  const auto source = watch(world, "?since=0");
  size_t events = 0, most = 0;
  while (source->behind()) {
    const std::string piece = source->pull(1000);
    most = std::max(most, piece.size());
    events += count(piece, "event: put");
  }
  EXPECT_EQ(events, 1000u);
  EXPECT_LT(most, 32u << 10);  // one batch over what was asked for
  EXPECT_EQ(source->farewell(), "id: 1000\nevent: resume\ndata: {}\n\n");
}

// An id in the middle of a transaction would lose its rest on resume.
TEST(Watch, NeverCutsATransaction) {
  World world;
  std::vector<store::Write> writes;
  for (int i = 0; i < 200; ++i) {
    model::Object object;
    object.metadata.project = "lab";
    object.metadata.name = "m" + std::to_string(i);
    store::Write write;
    write.key = key(object.metadata.name);
    write.value = model::encode_spec(object);
    writes.push_back(std::move(write));
  }
  world.have(model::Kind::machine, "lab", "first", "{}");
  ASSERT_TRUE(world.backend.store().commit(writes, store::Durability::full).ok());
  world.have(model::Kind::machine, "lab", "last", "{}");
  const auto source = watch(world, "?since=0");
  std::string all;
  while (source->behind()) all += source->pull(1);
  EXPECT_EQ(count(all, "event: put"), 202u);
  EXPECT_EQ(count(all, "id: "), 3u);
  EXPECT_LT(all.find("id: 1\n"), all.find("id: 2\n"));
  EXPECT_GT(all.find("id: 2\n"), all.find("m199"));
  EXPECT_EQ(count(all.substr(all.find("id: 2\n")), "event: put"), 2u);
}

}  // namespace
}  // namespace bridle::api
