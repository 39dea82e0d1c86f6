// The controller by hand: one event, look at the actions. The simulator does the rest (src/sim).
#include "fleet/controller.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>

#include "base/random.h"
#include "fleet/objects.h"
#include "fleet/references.h"
#include "model/object.h"

namespace bridle::fleet {
namespace {

using model::Kind;
using model::Object;

// g++ 12 with sanitizers sees an Error read where there is none; what it cannot see into is fine.
[[gnu::noipa]] Status fine() { return {}; }

// A world that answers commits and the ledger at once, and keeps everything else for the test.
class World : public testing::Test {
 protected:
  World() : random_(7), brain_(random_) {
    HostFacts host;
    host.name = "alpha";
    host.engine = "tcg";
    host.cpu_millicores = 2000;
    host.memory_bytes = uint64_t{2} << 30;
    tell(Begin{host, {}});
  }

  template <typename Body>
  void tell(Body body) {
    for (Action& action : brain_.step({now_, {now_.ns}, std::move(body)})) queue_.push_back(action);
    answer();
  }

  void answer() {
    while (!queue_.empty()) {
      Action action = std::move(queue_.front());
      queue_.erase(queue_.begin());
      if (auto* commit = std::get_if<Commit>(&action)) {
        store(*commit);
        tell(Committed{commit->token, revision_});
      } else if (auto* entry = std::get_if<LedgerAppend>(&action)) {
        ledger_.push_back(*entry);
        if (ledger_waits_)
          unsynced_.emplace_back(entry->token, ledger_.size());
        else
          tell(LedgerSynced{entry->token, ledger_.size()});
      } else {
        if (auto* collect = std::get_if<CollectParts>(&action)) {
          tell(PartsCollected{collect->token, uint64_t{0}});
          continue;
        }
        if (auto* timer = std::get_if<SetTimer>(&action)) timers_[timer->token] = timer->at;
        if (auto* timer = std::get_if<CancelTimer>(&action)) timers_.erase(timer->token);
        done_.push_back(std::move(action));
      }
    }
  }

  void store(const Commit& commit) {
    ++revision_;
    for (const store::Write& write : commit.writes) {
      bool put = write.kind == store::Write::Kind::put;
      if (put)
        keys_[write.key] = write.value;
      else
        keys_.erase(write.key);
    }
  }

  // The newest action of this type that was not taken yet.
  template <typename T>
  std::optional<T> take() {
    for (auto at = done_.begin(); at != done_.end(); ++at)
      if (auto* found = std::get_if<T>(&*at)) {
        T result = *found;
        done_.erase(at);
        return result;
      }
    return std::nullopt;
  }

  void load(std::vector<Object> objects, std::vector<JailGuest> guests = {}) {
    StoreLoaded loaded{++revision_, {}};
    for (Object& object : objects) {
      std::string key = model::spec_key(object.kind, object.metadata.project, object.metadata.name);
      loaded.entries.push_back({key, model::encode_spec(object), revision_, revision_, 0});
      if (object.status.empty()) continue;
      key = model::status_key(object.kind, object.metadata.project, object.metadata.name);
      loaded.entries.push_back(
          {key, model::json::serialize(object.status), revision_, revision_, 0});
    }
    tell(std::move(loaded));
    tell(JailUp{});
    auto list = take<ListGuests>();
    ASSERT_TRUE(list.has_value());
    tell(JailGuests{list->token, std::move(guests)});
  }

  Object machine(std::string_view power) {
    Object object;
    object.kind = Kind::machine;
    object.metadata.name = "web";
    object.metadata.project = "lab";
    object.metadata.owner = "ann";
    object.metadata.uid = uuid_;
    object.metadata.generation = 1;
    model::MachineSpec spec;
    spec.interfaces.push_back({"net0", "default", ""});
    object.spec = model::to_json(spec);
    object.spec["power"] = power;
    return object;
  }

  void change(const Object& object) {
    std::string key = model::spec_key(object.kind, object.metadata.project, object.metadata.name);
    tell(StoreChanged{{{++revision_, key, model::encode_spec(object)}}});
  }
  Object stored() { return *model::decode_spec(Kind::machine, keys_.at("/spec/machine/lab/web")); }
  model::MachineStatus status() {
    return *model::machine_status(
        model::json::parse(keys_.at("/status/machine/lab/web")).as_object());
  }

  void run_up() {
    auto prepare = take<Prepare>();
    ASSERT_TRUE(prepare.has_value());
    tell(Prepared{prepare->token, fine()});
    auto start = take<StartGuest>();
    ASSERT_TRUE(start.has_value());
    boot_ = start->launch.boot;
    tell(GuestStarted{uuid_, boot_, 4711});
    ASSERT_TRUE(take<AttachMonitor>().has_value());
    tell(MonitorUp{uuid_, boot_, false});
  }

  void released() { tell(GuestReleased{uuid_, boot_, fine()}); }

  void sync_ledger() {
    ledger_waits_ = false;
    for (const LedgerSynced& synced : std::exchange(unsynced_, {})) tell(synced);
  }

  size_t open_intents() const {
    size_t open = 0;
    for (const LedgerAppend& entry : ledger_) {
      open += entry.phase == LedgerAppend::Phase::intent;
      open -= entry.phase == LedgerAppend::Phase::outcome;
    }
    return open;
  }

  void pass(Duration time) {
    Tick until = now_ + time;
    while (true) {
      auto next = timers_.end();
      for (auto at = timers_.begin(); at != timers_.end(); ++at)
        if (at->second <= until && (next == timers_.end() || at->second < next->second)) next = at;
      if (next == timers_.end()) break;
      now_ = std::max(now_, next->second);
      Token token = next->first;
      timers_.erase(next);
      tell(TimerFired{token});
    }
    now_ = until;
  }

  SeededRandom random_;
  Controller brain_;
  Tick now_{1'000'000'000};
  Uuid uuid_{{1, 2, 3}};
  uint64_t boot_ = 0;
  Revision revision_ = 0;
  std::vector<Action> queue_, done_;
  std::vector<LedgerAppend> ledger_;
  bool ledger_waits_ = false;
  std::vector<LedgerSynced> unsynced_;
  std::map<std::string, std::string> keys_;
  std::map<Token, Tick> timers_;
};

TEST_F(World, NothingIsDoneBeforeTheJailHasSpoken) {
  Object object = machine("running");
  tell(StoreLoaded{1, {{"/spec/machine/lab/web", model::encode_spec(object), 1, 1, 0}}});
  EXPECT_FALSE(brain_.ready());
  EXPECT_TRUE(keys_.empty());
  EXPECT_FALSE(take<Prepare>().has_value());
}

TEST_F(World, DefinePinsAndStartsUnderASyncedIntent) {
  load({machine("running")});
  EXPECT_EQ(stored().metadata.finalizers, std::vector<std::string>{"bridle/guest"});
  EXPECT_EQ(status().slot, 1U);
  EXPECT_FALSE(status().pinned.empty());
  EXPECT_EQ(status().phase, model::Phase::starting);
  EXPECT_FALSE(take<StartGuest>().has_value());  // it is not prepared yet
  run_up();
  EXPECT_EQ(status().phase, model::Phase::running);
  EXPECT_EQ(status().pid, 4711U);
  EXPECT_EQ(std::count_if(ledger_.begin(), ledger_.end(),
                          [](const LedgerAppend& entry) {
                            return entry.verb == "start" &&
                                   entry.phase == LedgerAppend::Phase::intent;
                          }),
            1);
  EXPECT_EQ(open_intents(), 0U);
}

TEST_F(World, StopPowersDownThenKills) {
  load({machine("running")});
  run_up();
  Object object = stored();
  object.spec["power"] = "stopped";
  ++object.metadata.generation;
  change(object);
  auto powerdown = take<Monitor>();
  ASSERT_TRUE(powerdown.has_value());
  EXPECT_EQ(powerdown->verb, MonitorVerb::powerdown);
  EXPECT_EQ(status().phase, model::Phase::stopping);
  EXPECT_FALSE(take<SignalGuest>().has_value());
  pass(std::chrono::seconds(31));
  auto kill = take<SignalGuest>();
  ASSERT_TRUE(kill.has_value());
  EXPECT_EQ(kill->intent, powerdown->intent);
  tell(GuestExited{uuid_, boot_, 9});
  auto sample = take<SampleUsage>();
  while (sample && sample->boot == boot_ && !take<ReleaseGuest>()) {
    tell(UsageSample{sample->token, uuid_, boot_, model::Usage{5, 4, 3, 2, 1, 0}});
    sample = take<SampleUsage>();
  }
  released();
  EXPECT_EQ(status().phase, model::Phase::defined);
  EXPECT_EQ(status().reason, "ForcedOff");
  EXPECT_EQ(status().usage.vcpu_ns, 5U);
  EXPECT_EQ(open_intents(), 0U);
}

TEST_F(World, AKilledGuestStartsAgainWithTheNextBoot) {
  load({machine("running")});
  run_up();
  uint64_t first = boot_;
  tell(GuestExited{uuid_, boot_, 9});
  auto sample = take<SampleUsage>();
  ASSERT_TRUE(sample.has_value());
  tell(UsageSample{sample->token, uuid_, boot_, model::Usage{}});
  ASSERT_TRUE(take<ReleaseGuest>().has_value());
  released();
  EXPECT_EQ(status().phase, model::Phase::failed);
  EXPECT_EQ(status().reason, "Killed");
  EXPECT_EQ(status().next, "starting again in 1s");
  EXPECT_FALSE(take<Prepare>().has_value());
  pass(std::chrono::seconds(2));
  run_up();
  EXPECT_EQ(boot_, first + 1);
  EXPECT_EQ(status().restarts, 1U);
}

TEST_F(World, ARunningGuestIsAdoptedNotStarted) {
  Object object = machine("running");
  object.metadata.finalizers = {"bridle/guest"};
  load({machine("running")});
  run_up();
  Object known = stored();
  known.status = model::json::parse(keys_.at("/status/machine/lab/web")).as_object();
  Controller again(random_);
  auto first = again.step({now_, {}, Begin{{}, {{3, "stop", "machine/lab/web"}}}});
  again.step({now_, {}, JailUp{}});
  std::vector<store::Entry> entries = {
      {"/spec/machine/lab/web", model::encode_spec(known), 1, 1, 0},
      {"/status/machine/lab/web", model::json::serialize(known.status), 1, 1, 0}};
  Token list = 0;
  for (const Action& action : again.step({now_, {}, StoreLoaded{9, entries}}))
    if (auto* asked = std::get_if<ListGuests>(&action)) list = asked->token;
  ASSERT_NE(list, 0U);
  bool attached = false, closed = false;
  JailGuests guests{list, {{uuid_, 1, boot_, 1, 4711, true, -1}}};
  for (const Action& action : again.step({now_, {}, guests})) {
    attached |= std::holds_alternative<AttachMonitor>(action);
    EXPECT_FALSE(std::holds_alternative<Prepare>(action));
    if (auto* entry = std::get_if<LedgerAppend>(&action)) closed |= entry->of == 3;
  }
  EXPECT_TRUE(attached);
  EXPECT_TRUE(closed);  // the intent that the earlier life left open
}

TEST_F(World, AStrayIsKilled) {
  load({}, {{uuid_, 1, 3, 9, 99, true, -1}});
  auto kill = take<SignalGuest>();
  ASSERT_TRUE(kill.has_value());
  EXPECT_EQ(kill->boot, 3U);
}

TEST_F(World, DeletionWaitsForTheGuestAndRemovesBothKeys) {
  load({machine("stopped")});
  Object object = stored();
  object.metadata.deleting = WallTime{1};
  change(object);
  EXPECT_FALSE(keys_.contains("/spec/machine/lab/web"));
  EXPECT_FALSE(keys_.contains("/status/machine/lab/web"));
  auto drop = take<DropPrepared>();
  ASSERT_TRUE(drop.has_value());
  EXPECT_TRUE(drop->forever);
  EXPECT_EQ(open_intents(), 0U);
}

TEST_F(World, WhatARunningGuestCannotTakeOverIsSaid) {
  load({machine("running")});
  run_up();
  Object object = stored();
  object.spec["cpus"] = 3;
  ++object.metadata.generation;
  change(object);
  EXPECT_EQ(status().message, "stop and start it to apply the changed cpus");
}

TEST_F(World, ReservationsAreRefusedWithNumbers) {
  Object object = machine("running");
  object.spec["cpus"] = 4;
  object.spec["resources"] = {{"cpu", {{"reservation", "3"}}}};
  load({object});
  EXPECT_FALSE(take<Prepare>().has_value());
  EXPECT_EQ(status().reason, "NoCapacity");
  EXPECT_NE(status().message.find("are free"), std::string::npos);
}

TEST_F(World, AnOutOfMemoryKillIsNamed) {
  load({machine("running")});
  run_up();
  tell(GuestExited{uuid_, boot_, 9, "killed by its memory limit"});
  EXPECT_EQ(status().reason, "Killed");
  EXPECT_EQ(status().last_exit, "signal 9");
  EXPECT_EQ(status().message, "QEMU ended by itself: signal 9 (killed by its memory limit)");
}

TEST_F(World, ALostTpmIsToldAndARestartBringsItBack) {
  load({machine("running")});
  run_up();
  EXPECT_EQ(status().reason, "Running");
  tell(TpmLost{uuid_, boot_ + 1});
  EXPECT_EQ(status().reason, "Running");  // of another run
  tell(TpmLost{uuid_, boot_});
  EXPECT_EQ(status().phase, model::Phase::running);
  EXPECT_EQ(status().reason, "TpmLost");
  EXPECT_NE(status().message.find("stop and start"), std::string::npos);
  tell(GuestExited{uuid_, boot_, 0});
  while (auto sample = take<SampleUsage>())
    tell(UsageSample{sample->token, uuid_, boot_, model::Usage{}});
  released();
  EXPECT_EQ(status().reason, "PoweredOff");
}

Object tiny_image() {
  Object image;
  image.kind = Kind::image;
  image.metadata.name = "tiny";
  image.metadata.project = "lab";
  image.metadata.uid = Uuid{{8}};
  image.spec = {{"recipe", "tiny"}};
  model::ImageStatus built;
  built.phase = "ready";
  built.kernel = {std::string(64, 'a'), 1};
  built.least_memory = uint64_t{80} << 20;
  built.ignores_users = true;
  image.status = model::to_json(built);
  return image;
}

TEST_F(World, LessMemoryThanTheImageNeedsIsRefused) {
  Object small = machine("running");
  small.spec["image"] = "tiny";
  small.spec["memory"] = "64MiB";
  load({small, tiny_image()});
  EXPECT_FALSE(take<Prepare>().has_value());
  EXPECT_EQ(status().reason, "TooLittleMemory");
  EXPECT_EQ(status().message,
            "spec.memory: image/lab/tiny needs at least 80MiB to come up; this is 64MiB");
}

TEST_F(World, SeedUsersThatTheImageIgnoresAreSaid) {
  Object user = machine("running");
  user.spec["image"] = "tiny";
  user.spec["memory"] = "128MiB";
  user.spec["seed"] = {{"users", {{{"name", "ann"}}}}};
  load({user, tiny_image()});
  run_up();
  EXPECT_EQ(status().phase, model::Phase::running);
  EXPECT_EQ(status().message, "image/lab/tiny makes no users: those of its seed are ignored");
}

TEST_F(World, AMissingSecretIsSaidToBeMissing) {
  Object user = machine("running");
  user.spec["seed"] = {{"users", {{{"name", "ann"}, {"passwordSecret", "login/password"}}}}};
  load({user});
  EXPECT_EQ(status().reason, "SecretMissing");
  EXPECT_EQ(status().message,
            "secret/lab/login does not exist; user ann takes the password from it; apply it");
}

TEST_F(World, AUsedVolumeMayNotBeDeleted) {
  Object user = machine("stopped");
  user.spec["disks"] = {{{"name", "root"}, {"volume", "data"}, {"readOnly", false}}};
  Object volume;
  volume.kind = Kind::volume;
  volume.metadata.name = "data";
  volume.metadata.project = "lab";
  volume.metadata.uid = Uuid{{9}};
  volume.spec = {{"size", "1GiB"}, {"format", "qcow2"}};
  load({user, volume});
  Status refused = check_delete(brain_.objects(), volume);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::conflict);
  EXPECT_NE(refused.error().message().find("machine/lab/web"), std::string::npos);
  ASSERT_TRUE(take<CreateVolume>().has_value());
}

TEST_F(World, ARunningGuestIsToldItsMemoryTargetAndLimitsOnceAndAgainAfterAReconnect) {
  load({machine("running")});
  run_up();
  EXPECT_FALSE(take<SetTuning>().has_value());  // its arguments say it already
  Object object = stored();
  object.spec["memoryTarget"] = "64MiB";
  object.spec["resources"] = {{"disk", {{"operationsPerSecond", 100}}}};
  ++object.metadata.generation;
  change(object);
  auto set = take<SetTuning>();
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(set->tuning, (Tuning{64 << 20, {0, 0, 100}}));
  EXPECT_FALSE(take<SetTuning>().has_value());
  EXPECT_EQ(status().message, "");  // nothing waits for a restart
  tell(MonitorDown{uuid_, boot_});
  pass(std::chrono::seconds(1));
  tell(MonitorUp{uuid_, boot_, false});
  set = take<SetTuning>();
  ASSERT_TRUE(set.has_value());
  EXPECT_EQ(set->tuning.memory_target, 64U << 20);
}

class Volumes : public World {
 protected:
  Object volume(std::string_view size) {
    Object object;
    object.kind = Kind::volume;
    object.metadata.name = "data";
    object.metadata.project = "lab";
    object.metadata.uid = Uuid{{9}};
    object.metadata.generation = 1;
    object.metadata.finalizers = {"bridle/disk"};
    object.spec = {{"size", size}, {"format", "raw"}};
    object.status = {{"phase", "ready"}, {"path", "9.raw"}, {"size", "1GiB"}};
    return object;
  }
  Object user(std::string_view power, bool read_only = false) {
    Object object = machine(power);
    object.spec["disks"] = {{{"name", "root"}, {"volume", "data"}, {"readOnly", read_only}}};
    return object;
  }
  model::VolumeStatus volume_status() {
    return *model::volume_status(
        model::json::parse(keys_.at("/status/volume/lab/data")).as_object());
  }
};

TEST_F(Volumes, GrowInTheirFileWhenNobodyHasThemOpenAndNobodyStartsMeanwhile) {
  load({user("stopped"), volume("2GiB")});
  auto resize = take<ResizeVolume>();
  ASSERT_TRUE(resize.has_value());
  EXPECT_EQ(resize->size, uint64_t{2} << 30);
  Object object = stored();
  object.spec["power"] = "running";
  ++object.metadata.generation;
  change(object);
  EXPECT_FALSE(take<Prepare>().has_value());
  EXPECT_EQ(status().reason, "VolumeNotReady");
  tell(VolumeResized{resize->token, fine()});
  EXPECT_EQ(volume_status().size, uint64_t{2} << 30);
  EXPECT_TRUE(take<Prepare>().has_value());
}

TEST_F(Volumes, GrowThroughTheGuestThatHasThemOpen) {
  load({user("running"), volume("1GiB")});
  run_up();
  EXPECT_FALSE(take<ResizeDisk>().has_value());
  change(volume("3GiB"));
  EXPECT_FALSE(take<ResizeVolume>().has_value());
  auto resize = take<ResizeDisk>();
  ASSERT_TRUE(resize.has_value());
  EXPECT_EQ(resize->machine, uuid_);
  EXPECT_EQ(resize->index, 0U);
  tell(VolumeResized{resize->token, Error(Code::exhausted, "no space")});
  EXPECT_EQ(volume_status().message, "not resized: no space");
  pass(std::chrono::seconds(2));
  resize = take<ResizeDisk>();
  ASSERT_TRUE(resize.has_value());
  tell(VolumeResized{resize->token, fine()});
  EXPECT_EQ(volume_status().size, uint64_t{3} << 30);
  EXPECT_EQ(open_intents(), 0U);
}

TEST_F(Volumes, NeverShrinkAndWaitForReaders) {
  load({user("running", true), volume("512MiB")});
  EXPECT_EQ(volume_status().message, "spec.size is less than the volume's: a volume never shrinks");
  run_up();
  change(volume("2GiB"));
  EXPECT_FALSE(take<ResizeDisk>().has_value());
  EXPECT_FALSE(take<ResizeVolume>().has_value());
}

// Three machines: "a" of order 1 with a delay of 5 s, "b" of order 2, "c" of order 1.
class Turns : public World {
 protected:
  Object turn(const std::string& name, uint8_t id, uint32_t order, std::string_view delay) {
    Object object = machine("running");
    object.metadata.name = name;
    object.metadata.uid = Uuid{{id}};
    object.spec["autostart"] = {{"order", order}, {"delay", delay}};
    return object;
  }
  void load_all() { load({turn("a", 1, 1, "5s"), turn("b", 2, 2, "0s"), turn("c", 3, 1, "0s")}); }
  // Everything that may start does; their names in order.
  std::string started() {
    std::string names;
    while (auto prepare = take<Prepare>()) {
      const Launch& launch = prepare->launch;
      names += launch.name;
      boots_[launch.id.uuid] = launch.boot;
      tell(Prepared{prepare->token, fine()});
      tell(GuestStarted{launch.id.uuid, launch.boot, 1000});
      tell(MonitorUp{launch.id.uuid, launch.boot, false});
    }
    return names;
  }
  // Whose power button was pressed, each once.
  std::string asked_to_stop() {
    std::string names;
    while (auto command = take<Monitor>()) {
      EXPECT_EQ(command->verb, MonitorVerb::powerdown);
      const char name = static_cast<char>('a' - 1 + command->uuid.bytes[0]);
      if (asked_.insert(name).second) names += name;
    }
    return names;
  }
  void ends(uint8_t id) {
    const Uuid uuid{{id}};
    tell(GuestExited{uuid, boots_[uuid], 0});
    while (auto sample = take<SampleUsage>())
      tell(UsageSample{sample->token, sample->uuid, sample->boot, model::Usage{}});
    tell(GuestReleased{uuid, boots_[uuid], fine()});
  }
  void host(std::string_view guests) {
    Object object;
    object.kind = Kind::host;
    object.metadata.name = "alpha";
    object.spec = {{"guests", guests}};
    change(object);
  }
  std::string reason_of(const std::string& name) {
    return model::machine_status(
               model::json::parse(keys_.at("/status/machine/lab/" + name)).as_object())
        ->reason;
  }

  std::map<Uuid, uint64_t> boots_;
  std::set<char> asked_;
};

TEST_F(Turns, LowerOrdersStartFirstAndTheirDelayIsKept) {
  load_all();
  EXPECT_EQ(reason_of("b"), "WaitsForTurn");
  EXPECT_EQ(started(), "ac");
  pass(std::chrono::seconds(4));
  EXPECT_EQ(started(), "");
  pass(std::chrono::seconds(2));
  EXPECT_EQ(started(), "b");
}

TEST_F(Turns, OneThatCannotStartKeepsNobodyWaiting) {
  Object broken = turn("a", 1, 1, "5s");
  broken.spec["disks"] = {{{"name", "root"}, {"volume", "none"}, {"readOnly", false}}};
  load({broken, turn("b", 2, 2, "0s")});
  EXPECT_EQ(reason_of("a"), "VolumeMissing");
  EXPECT_EQ(started(), "b");
}

TEST_F(Turns, ADrainStopsTheHighestOrderFirstAndNothingStartsBeforeItEnds) {
  load_all();
  started();
  pass(std::chrono::seconds(6));
  EXPECT_EQ(started(), "b");
  host("drain");
  EXPECT_EQ(asked_to_stop(), "b");
  pass(std::chrono::seconds(2));
  EXPECT_EQ(asked_to_stop(), "");
  ends(2);
  EXPECT_EQ(asked_to_stop(), "ac");
  EXPECT_EQ(reason_of("b"), "HostDraining");
  ends(1);
  ends(3);
  EXPECT_EQ(brain_.living(), 0U);
  pass(std::chrono::minutes(2));
  EXPECT_EQ(started(), "");
  host("run");
  EXPECT_EQ(started(), "ac");
  EXPECT_EQ(reason_of("b"), "WaitsForTurn");
  EXPECT_EQ(open_intents(), 0U);
}

TEST_F(Turns, EachHasItsGraceOnceItIsItsTurn) {
  load_all();
  started();
  pass(std::chrono::seconds(6));
  started();
  host("shutdown");
  pass(std::chrono::seconds(29));
  EXPECT_FALSE(take<SignalGuest>().has_value());
  pass(std::chrono::seconds(2));
  auto kill = take<SignalGuest>();
  ASSERT_TRUE(kill.has_value());
  EXPECT_EQ(kill->uuid, (Uuid{{2}}));
  ends(2);
  while (take<SignalGuest>()) continue;
  pass(std::chrono::seconds(20));
  EXPECT_FALSE(take<SignalGuest>().has_value());
}

TEST_F(World, ASharedImageNamesNoUsersOfOtherProjects) {
  Object image;
  image.kind = Kind::image;
  image.metadata.name = "tiny";
  image.metadata.project = "shared";
  image.metadata.uid = Uuid{{9}};
  image.spec = {{"recipe", "tiny"}};
  Object user = machine("stopped");
  user.spec["image"] = "tiny";
  load({user, image});
  const Status refused = check_delete(brain_.objects(), image);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message(),
            "image/shared/tiny is used by 1 of other projects; delete or change them first");
}

TEST_F(World, AnImageThatIsUsedAgainWhileItsDeletionIsWrittenDownStays) {
  Object image = tiny_image();
  image.metadata.finalizers = {"bridle/parts"};
  load({image});
  ASSERT_EQ(open_intents(), 0U);
  ledger_waits_ = true;
  image.metadata.deleting = WallTime{1};
  change(image);
  EXPECT_EQ(open_intents(), 1U);
  Object user = machine("stopped");
  user.spec["image"] = "tiny";
  user.spec["memory"] = "128MiB";
  change(user);
  sync_ledger();
  EXPECT_EQ(open_intents(), 0U);
  EXPECT_NE(brain_.objects().find("image/lab/tiny"), nullptr);
  Object unwanted = stored();
  unwanted.metadata.deleting = WallTime{1};
  change(unwanted);
  EXPECT_EQ(open_intents(), 0U);
  EXPECT_EQ(brain_.objects().find("image/lab/tiny"), nullptr);
}

}  // namespace
}  // namespace bridle::fleet
