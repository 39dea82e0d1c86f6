// Unit tests of the rim's own pieces: loop, worker, scribe, stream links, launch plans. The daemon
// as a whole is tested with real guests (tests/guest) and its logic under the simulator (src/sim).
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "daemon/doctor.h"
#include "daemon/loop.h"
#include "daemon/prepared.h"
#include "daemon/scribe.h"
#include "daemon/stream_link.h"
#include "daemon/tpm_key.h"
#include "daemon/volumes.h"
#include "daemon/worker.h"
#include "fleet/objects.h"
#include "ledger/memory_ledger.h"
#include "wire/socket.h"

namespace bridle::daemon {
namespace {

using std::chrono::milliseconds;

TEST(Loop, AHandleThatIsGoneIsNotCalledAndMayGoInItsOwnCallback) {
  Loop loop;
  bool called = false;
  {
    const auto dropped = loop.after(Duration(0), [&] { called = true; });
  }
  int ticks = 0;
  std::unique_ptr<Handle> ticker;
  ticker = loop.every(milliseconds(1), [&] {
    if (++ticks == 3) ticker.reset();
  });
  const auto end = loop.after(milliseconds(30), [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(called);
  EXPECT_EQ(ticks, 3);
}

TEST(Worker, JobsRunInOrderAndEndOnTheLoop) {
  Loop loop;
  Worker worker(loop);
  std::vector<int> order;
  for (int i = 0; i < 5; ++i)
    worker.run([i] { return i; },
               [&, i](int result) {
                 EXPECT_EQ(result, i);
                 order.push_back(result);
                 if (i == 4) loop.stop();
               });
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

ledger::Entry intent(const std::string& verb) {
  ledger::Entry entry;
  entry.phase = ledger::Phase::intent;
  entry.at = WallTime{1'767'323'045'678'000'000};
  entry.actor = "test";
  entry.verb = verb;
  return entry;
}

TEST(Scribe, ABurstIsDurableTogetherAndInOrder) {
  Loop loop;
  Worker worker(loop);
  ledger::MemoryLedger ledger(WallTime{1'767'323'045'000'000'000});
  Scribe scribe(loop, worker, ledger);
  std::vector<uint64_t> seqs;
  for (int i = 0; i < 10; ++i)
    scribe.write(intent("act"), [&](Result<uint64_t> seq) {
      ASSERT_TRUE(seq.ok());
      seqs.push_back(*seq);
      EXPECT_GE(ledger.synced_head().seq, *seq) << "told before it was durable";
      if (seqs.size() == 10) loop.stop();
    });
  loop.run();
  for (size_t i = 1; i < seqs.size(); ++i) EXPECT_EQ(seqs[i], seqs[i - 1] + 1);
  EXPECT_EQ(scribe.read(seqs.back() - 1, 10)->size(), 1u);
}

TEST(Scribe, ABadEntryIsRefusedAloneAndTheRestIsWritten) {
  Loop loop;
  Worker worker(loop);
  ledger::MemoryLedger ledger(WallTime{1'767'323'045'000'000'000});
  Scribe scribe(loop, worker, ledger);
  bool refused = false, written = false;
  scribe.write(intent("no such\nverb"), [&](Result<uint64_t> seq) { refused = !seq.ok(); });
  scribe.write(intent("act"), [&](Result<uint64_t> seq) {
    written = seq.ok();
    loop.stop();
  });
  loop.run();
  EXPECT_TRUE(refused);
  EXPECT_TRUE(written);
}

class Links : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/bridle-daemon-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { ASSERT_TRUE(remove_tree(folder_).ok()); }
  std::string folder_;
};

TEST_F(Links, WithoutRetryAMissingPeerIsToldOnce) {
  Loop loop;
  int downs = 0;
  StreamLink link(loop, folder_ + "/none", StreamLink::Retry::no,
                  {[] { FAIL(); }, [](std::string_view) { FAIL(); }, [&] { ++downs; }});
  const auto end = loop.after(milliseconds(30), [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(downs, 1);
}

TEST_F(Links, WithRetryItFindsAPeerThatComesLaterAndComesBack) {
  Loop loop;
  const std::string path = folder_ + "/peer";
  int ups = 0;
  std::string heard;
  Fd listener, peer;
  std::unique_ptr<Handle> acceptor;
  StreamLink* self = nullptr;
  StreamLink link(loop, path, StreamLink::Retry::yes,
                  {[&] {
                     ++ups;
                     self->send("hello");
                   },
                   [&](std::string_view bytes) {
                     heard += bytes;
                     loop.stop();
                   },
                   [] {}});
  self = &link;
  const auto later = loop.after(milliseconds(20), [&] {
    listener = *wire::listen_unix(path, SOCK_STREAM, 0600);
    acceptor = loop.on_readable(listener.get(), [&] {
      peer = *wire::accept_unix(listener.get());
      // The first connection is dropped: it must be made again.
      if (ups < 2) return peer.reset();
      ASSERT_TRUE(write_all(peer.get(), "welcome").ok());
    });
  });
  const auto end = loop.after(std::chrono::seconds(20), [&] { loop.stop(); });
  loop.run();
  EXPECT_GE(ups, 2);
  EXPECT_EQ(heard, "welcome");
}

TEST_F(Links, ADescriptorArrivesWithItsBytes) {
  Loop loop;
  const std::string path = folder_ + "/peer";
  const Fd listener = *wire::listen_unix(path, SOCK_STREAM, 0600);
  auto pair = wire::socket_pair(SOCK_STREAM);
  ASSERT_TRUE(pair.ok());
  Fd peer;
  wire::Packet got;
  std::array<uint8_t, 64> bytes{};
  std::unique_ptr<Handle> acceptor, reader;
  StreamLink* self = nullptr;
  StreamLink link(
      loop, path, StreamLink::Retry::no,
      {[&] { self->send("getfd", std::move(pair->second)); }, [](std::string_view) {}, [] {}});
  self = &link;
  acceptor = loop.on_readable(listener.get(), [&] {
    peer = *wire::accept_unix(listener.get());
    reader = loop.on_readable(peer.get(), [&] {
      if (auto packet = wire::receive_packet(peer.get(), bytes); packet.ok())
        got = *std::move(packet);
      loop.stop();
    });
  });
  const auto end = loop.after(std::chrono::seconds(20), [&] { loop.stop(); });
  loop.run();
  ASSERT_EQ(std::string(bytes.begin(), bytes.begin() + 5), "getfd");
  ASSERT_EQ(got.descriptors.size(), 1u);
  ASSERT_TRUE(write_all(got.descriptors[0].get(), "x").ok());
  char x = 0;
  EXPECT_EQ(::recv(pair->first.get(), &x, 1, 0), 1);
}

TEST_F(Links, ATpmHasItsOwnKeyAndAlwaysTheSame) {
  const Layout layout = *Layout::of(folder_);
  ASSERT_TRUE(make_folder(layout.state(), 0700).ok());
  SeededRandom random(5);
  EXPECT_FALSE(tpm_key(layout, Uuid{{1}}).ok());
  const auto key_of = [&](const Uuid& uuid) {
    EXPECT_TRUE(make_tpm_secret(layout, random).ok());
    const auto key = tpm_key(layout, uuid);
    EXPECT_TRUE(key.ok());
    return *read_all(key->get(), 64);
  };
  const std::string first = key_of(Uuid{{1}});
  EXPECT_EQ(first.size(), 32u);
  EXPECT_EQ(key_of(Uuid{{1}}), first);
  EXPECT_NE(key_of(Uuid{{2}}), first);
}

TEST(LaunchPlan, NamesPartsByDigestAndVolumesByFormat) {
  const Layout layout = *Layout::of("/var/lib/bridle");
  fleet::Launch launch;
  launch.name = "web";
  launch.project = "lab";
  launch.engine = "tcg";
  launch.image.kernel.digest = std::string(64, 'a');
  fleet::DiskSource disk;
  disk.disk.name = "root";
  disk.volume.path = "x.qcow2";
  disk.volume.backing = std::string(64, 'b');
  disk.volume.backing_format = "qcow2";
  launch.disks.push_back(disk);
  const auto plan = launch_plan(layout, launch);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->name, "lab/web");
  EXPECT_EQ(plan->kernel, "/var/lib/bridle/images/parts/" + std::string(64, 'a'));
  EXPECT_TRUE(plan->initrd.empty());
  EXPECT_TRUE(plan->seed_iso.empty());
  ASSERT_EQ(plan->disks.size(), 1u);
  ASSERT_EQ(plan->disks[0].layers.size(), 2u);
  EXPECT_EQ(plan->disks[0].layers[0].path, "/var/lib/bridle/volumes/x.qcow2");
  EXPECT_EQ(plan->disks[0].layers[1].format, "qcow2");
  launch.engine = "xen";
  EXPECT_FALSE(launch_plan(layout, launch).ok());
}

// Of each volume what its guest has not written yet; a file that is gone or larger counts nothing.
TEST(Volumes, MayGrowByWhatIsNotWritten) {
  char root[] = "/tmp/bridle-volumes-XXXXXX";
  ASSERT_NE(::mkdtemp(root), nullptr);
  const auto layout = Layout::of(root);
  ASSERT_TRUE(layout.ok());
  ASSERT_EQ(::mkdir(layout->volumes().c_str(), 0700), 0);
  std::ofstream(layout->volumes() + "/a.raw") << std::string(8192, 'x');
  std::ofstream(layout->volumes() + "/b.raw") << std::string(65536, 'x');
  fleet::Objects objects;
  std::vector<store::Entry> entries;
  const auto have = [&](const std::string& name, uint64_t size) {
    model::Object volume;
    volume.kind = model::Kind::volume;
    volume.metadata.name = name;
    volume.metadata.project = "lab";
    entries.push_back(
        {model::spec_key(volume.kind, "lab", name), model::encode_spec(volume), 1, 1});
    const std::string status =
        R"({"phase":"ready","path":")" + name + R"(.raw","size":)" + std::to_string(size) + "}";
    entries.push_back({model::status_key(volume.kind, "lab", name), status, 1, 1});
  };
  have("a", 1 << 20);
  have("b", 1 << 10);
  have("gone", 1 << 20);
  objects.load(entries);
  const uint64_t grows = may_grow(*layout, objects);
  EXPECT_LE(grows, (uint64_t{1} << 20) - 8192);
  EXPECT_GE(grows, (uint64_t{1} << 20) - 65536);  // whatever the file system's blocks are
  const std::string told =
      boost::json::serialize(examine(*layout, {.volumes_may_grow = uint64_t{1} << 60}));
  EXPECT_NE(told.find("more than that"), std::string::npos);
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace bridle::daemon
