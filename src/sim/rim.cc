// The daemon's rim in virtual time: actions out, events in.
#include "base/hash.h"
#include "model/image.h"
#include "sim/host.h"
#include "sim/trace.h"

namespace bridle::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

fleet::Options patience() {
  fleet::Options options;
  options.restart_most = seconds(20);
  options.keep_operations = 20;
  options.keep_events = 60;
  return options;
}

fleet::HostFacts facts(const std::string& name) {
  fleet::HostFacts host;
  host.name = name;
  host.boot_id = "simulated";
  host.engine = "tcg";
  host.cpu_millicores = 4000;
  host.memory_bytes = uint64_t{4} << 30;
  host.memory_reserved = 512 << 20;
  host.slots = 40;
  return host;
}

}  // namespace

void Host::start_daemon() {
  ++life_;
  brain_random_ = std::make_unique<SeededRandom>(dice_.below(UINT64_MAX));
  brain_ = std::make_unique<fleet::Controller>(*brain_random_, patience());
  checks_.line(trace_time(time_.now()) + name_ + " bridled starts, life " + std::to_string(life_));
  step(fleet::Begin{facts(name_), ledger_.open()});
  deliver_load();
  connect_jail(dice_.between(microseconds(100), milliseconds(20)));
}

void Host::deliver_load() {
  uint64_t life = life_;
  time_.after(reply(), [this, life] {
    if (life != life_ || !brain_) return;
    Result<store::Listing> all = store_.list("/");
    checks_.require(all.ok(), "the store cannot be listed");
    if (!all.ok()) return;
    told_ = all->revision;
    loaded_ = true;
    step(fleet::StoreLoaded{all->revision, all->entries});
    look_at_store();
  });
}

void Host::kill_daemon() {
  if (!brain_) return;
  checks_.line(trace_time(time_.now()) + name_ + " bridled dies");
  brain_.reset();
  ++life_;
  loaded_ = false;
  jail_connected_ = false;
  ledger_.crash(dice_);
  timers_.clear();
  prepared_.clear();
  builds_.clear();
  links_.clear();
  time_.after(dice_.between(milliseconds(5), seconds(2)), [this] {
    if (!brain_) start_daemon();
  });
}

void Host::connect_jail(Duration delay) {
  uint64_t life = life_;
  time_.after(delay, [this, life] {
    if (life != life_ || jail_connected_) return;
    if (!jail_.up()) return connect_jail(milliseconds(50));
    jail_connected_ = true;
    ++connection_;
    step(fleet::JailUp{});
  });
}

void Host::lose_jail() {
  if (!jail_connected_) return;
  jail_connected_ = false;
  step(fleet::JailDown{});
  auto builds = std::exchange(builds_, {});
  for (const auto& [token, name] : builds)
    deliver(fleet::BuildEnded{token, Error(Code::unreachable, "the jail went down")}, reply());
  connect_jail(milliseconds(20));
}

void Host::deliver(Body body, Duration delay) {
  uint64_t life = life_;
  time_.after(delay, [this, life, body = std::move(body)]() mutable {
    if (life == life_ && brain_) step(std::move(body));
  });
}

void Host::step(Body body) {
  if (!brain_ || !checks_.ok()) return;
  fleet::Event event{time_.now(), time_.wall(), std::move(body)};
  if (checks_.tracing()) checks_.line(trace_time(time_.now()) + name_ + " > " + describe(event));
  std::vector<fleet::Action> actions = brain_->step(event);
  for (const fleet::Action& action : actions) {
    if (checks_.tracing())
      checks_.line(trace_time(time_.now()) + name_ + "   < " + describe(action));
    carry_out(action);
  }
  jail_.check();
  if (brain_ && std::holds_alternative<fleet::JailGuests>(event.body)) brain_->check();
}

void Host::carry_out(const fleet::Action& action) {
  std::visit([this](const auto& each) { act(each); }, action);
}

// The doorbell of the store: what changed is told a little later, in order.
void Host::look_at_store() {
  if (doorbell_ || !brain_) return;
  doorbell_ = true;
  uint64_t life = life_;
  time_.after(dice_.between(microseconds(20), milliseconds(5)), [this, life] {
    doorbell_ = false;
    if (life != life_ || !brain_ || !loaded_) return;
    Result<std::vector<store::Change>> changes = store_.changes("/", told_, 1000);
    if (!changes.ok()) return deliver_load();
    if (changes->empty()) return;
    told_ = changes->back().revision;
    if (plant_ == Plant::missed_event && dice_.one_in(40)) return;
    step(fleet::StoreChanged{std::move(*changes)});
    if (told_ < store_.revision()) look_at_store();
  });
}

void Host::act(const fleet::Commit& commit) {
  bool statuses = true;
  for (const store::Write& write : commit.writes) statuses &= write.key.starts_with("/status/");
  if (plant_ == Plant::lost_write && statuses && dice_.one_in(10))
    return deliver(fleet::Committed{commit.token, store_.revision()}, reply());
  Result<Revision> revision = store_.commit(commit.writes, commit.durability);
  look_at_store();
  // A removal may have happened although its reply was lost.
  for (const store::Write& write : commit.writes)
    if (revision.ok() || write.kind == store::Write::Kind::remove) check_usage(write);
  deliver(fleet::Committed{commit.token, std::move(revision)}, reply());
}

void Host::act(const fleet::LedgerAppend& entry) {
  uint64_t seq = ledger_.append(entry);
  uint64_t life = life_;
  fleet::Token token = entry.token;
  if (faults_ && entry.phase == fleet::LedgerAppend::Phase::intent && dice_.one_in(200)) {
    ledger_.refuse(seq);
    return deliver(fleet::LedgerSynced{token, Error(Code::exhausted, "no space")}, reply());
  }
  time_.after(reply(), [this, life, token, seq] {
    if (life != life_ || !brain_) return;
    ledger_.sync();
    step(fleet::LedgerSynced{token, seq});
  });
}

void Host::to_jail(std::function<void()> request) {
  if (!jail_connected_) return;
  uint64_t jail_life = jail_life_;
  jail_arrival_ = std::max(jail_arrival_ + Duration(1),
                           time_.now() + dice_.between(microseconds(20), milliseconds(4)));
  time_.at(jail_arrival_, [this, jail_life, request = std::move(request)] {
    if (jail_.up() && jail_life == jail_life_) request();
    jail_.check();
  });
}

void Host::act(const fleet::ListGuests& list) {
  to_jail([this, token = list.token] { jail_.list(token); });
}

void Host::act(const fleet::Prepare& prepare) {
  prepared_[prepare.launch.id.uuid] = prepare.launch.boot;
  Status result;
  if (faults_ && dice_.one_in(30)) result = Error(Code::unreachable, "the image helper is gone");
  deliver(fleet::Prepared{prepare.token, std::move(result)},
          dice_.between(microseconds(100), milliseconds(30)));
}

void Host::act(const fleet::DropPrepared& drop) { prepared_.erase(drop.uuid); }

void Host::act(const fleet::StartGuest& start) {
  ledger_.covers(start.intent, "StartGuest", {"start"});
  auto kept = prepared_.find(start.launch.id.uuid);
  checks_.require(kept != prepared_.end() && kept->second == start.launch.boot,
                  "StartGuest of what was not prepared");
  if (kept != prepared_.end()) prepared_.erase(kept);
  if (auto turn = turns_.find(start.launch.id.uuid); turn != turns_.end())
    turn->second.started = time_.now();
  to_jail([this, start] { jail_.start(start, faults_); });
  if (plant_ == Plant::double_start && dice_.one_in(20))
    to_jail([this, start] { jail_.start(start, faults_); });
}

void Host::act(const fleet::SignalGuest& signal) {
  ledger_.covers(signal.intent, "SignalGuest", {"stop"});
  if (auto turn = turns_.find(signal.uuid); turn != turns_.end() && turn->second.asked == Tick{})
    turn->second.asked = time_.now();
  to_jail([this, signal] { jail_.signal(signal.uuid, signal.boot); });
}

void Host::act(const fleet::SetLimits&) {}

// A connection that broke on the way: the controller hears of it and says it again.
void Host::act(const fleet::SetTuning& set) {
  Qemu* qemu = jail_.alive(set.uuid);
  if (qemu != nullptr && qemu->boot == set.boot && links_.contains(set.uuid))
    qemu->tuning = set.tuning;
}

void Host::act(const fleet::ReleaseGuest& release) {
  to_jail([this, release] { jail_.release(release.uuid, release.boot); });
}

void Host::act(const fleet::SampleUsage& sample) {
  to_jail([this, sample] { jail_.usage(sample.token, sample.uuid, sample.boot); });
}

void Host::act(const fleet::CreateVolume& create) {
  ledger_.covers(create.intent, "CreateVolume", {"create"});
  std::string path = "volumes/" + create.uuid.text() + "." + create.spec.format;
  if (!create.spec.image.empty())
    checks_.require(parts_.contains(create.image.disk.digest),
                    "a volume is made on a part that is not there");
  uint64_t life = life_;
  bool fails = faults_ && dice_.one_in(20);
  time_.after(dice_.between(milliseconds(1), milliseconds(60)), [=, this] {
    bool lives = life == life_ && brain_;
    if (!lives && dice_.one_in(2)) return;  // it died before the rename
    if (!fails) files_.insert(path);
    if (!lives) return;
    if (fails) return step(fleet::VolumeCreated{create.token, Error(Code::exhausted, "no space")});
    model::VolumeStatus status;
    status.path = path;
    status.backing = create.spec.image.empty() ? "" : create.image.disk.digest;
    status.size = create.spec.size;
    step(fleet::VolumeCreated{create.token, status});
  });
}

void Host::act(const fleet::ResizeVolume& resize) {
  ledger_.covers(resize.intent, "ResizeVolume", {"resize"});
  std::string prefix = "volumes/" + resize.uuid.text();
  for (const Qemu* qemu : jail_.all_alive())
    for (const fleet::DiskSource& disk : qemu->launch.disks)
      checks_.require(!disk.volume.path.starts_with(prefix),
                      "the file of a volume is resized under a running guest");
  checks_.require(files_.contains(resize.path), "a volume is resized that is not there");
  uint64_t& size = sizes_[resize.path];
  checks_.require(resize.size >= size, "a volume shrinks");
  bool fails = faults_ && dice_.one_in(20);
  if (!fails) size = resize.size;
  Status result;
  if (fails) result = Error(Code::exhausted, "no space");
  deliver(fleet::VolumeResized{resize.token, std::move(result)},
          dice_.between(milliseconds(1), milliseconds(30)));
}

void Host::act(const fleet::ResizeDisk& resize) {
  ledger_.covers(resize.intent, "ResizeDisk", {"resize"});
  Qemu* qemu = jail_.alive(resize.machine);
  bool there = qemu != nullptr && qemu->boot == resize.boot && links_.contains(resize.machine);
  if (!there || (faults_ && dice_.one_in(20)))
    return deliver(fleet::VolumeResized{resize.token, Error(Code::unreachable, "QEMU is gone")},
                   reply());
  bool known = resize.index < qemu->launch.disks.size();
  checks_.require(known, "a disk is resized that its guest has not");
  if (!known) return;
  uint64_t& size = sizes_[qemu->launch.disks[resize.index].volume.path];
  checks_.require(resize.size >= size, "a volume shrinks");
  size = resize.size;
  deliver(fleet::VolumeResized{resize.token, {}}, reply());
}

void Host::act(const fleet::RemoveVolume& remove) {
  ledger_.covers(remove.intent, "RemoveVolume", {"delete"});
  std::string prefix = "volumes/" + remove.uuid.text();
  for (const Qemu* qemu : jail_.all_alive())
    for (const fleet::DiskSource& disk : qemu->launch.disks)
      checks_.require(!disk.volume.path.starts_with(prefix),
                      "the file of a volume is removed under a running guest");
  std::erase_if(files_, [&](const std::string& path) { return path.starts_with(prefix); });
  std::erase_if(sizes_, [&](const auto& entry) { return entry.first.starts_with(prefix); });
  Status result;
  if (faults_ && dice_.one_in(30)) result = Error(Code::internal, "the disk is slow today");
  deliver(fleet::VolumeRemoved{remove.token, std::move(result)}, reply());
}

void Host::act(const fleet::CollectParts& collect) {
  ledger_.covers(collect.intent, "CollectParts", {"collect"});
  checks_.require(builds_.empty(), "parts are collected beside a build");
  for (const Qemu* qemu : jail_.all_alive())
    for (const fleet::DiskSource& disk : qemu->launch.disks)
      checks_.require(disk.volume.backing.empty() || collect.keep.contains(disk.volume.backing),
                      "a part below a running guest's disk is collected");
  uint64_t removed = std::erase_if(
      parts_, [&](const std::string& digest) { return !collect.keep.contains(digest); });
  deliver(fleet::PartsCollected{collect.token, removed}, reply());
}

void Host::act(const fleet::BuildImage& build) {
  ledger_.covers(build.intent, "BuildImage", {"build"});
  builds_[build.token] = build.name;
  deliver(fleet::BuildProgress{build.token, 40, "unpacking"},
          dice_.between(seconds(1), seconds(2)));
  uint64_t life = life_;
  std::string name = build.name + std::to_string(++made_);
  bool fails = faults_ && dice_.one_in(8);
  fleet::Token token = build.token;
  time_.after(dice_.between(seconds(2), seconds(9)), [=, this] {
    if (life != life_ || !brain_ || builds_.erase(token) == 0) return;
    model::ImageStatus status;
    status.kernel = {hex(sha256(name + "kernel")), 1000};
    status.disk = {hex(sha256(name + "disk")), 2000};
    status.disk_format = "qcow2";
    parts_.insert(status.kernel.digest);
    if (fails)
      return step(fleet::BuildEnded{token, Error(Code::internal, "a package does not unpack")});
    parts_.insert(status.disk.digest);
    step(fleet::BuildEnded{token, status});
  });
}

void Host::act(const fleet::CancelBuild& cancel) {
  if (builds_.erase(cancel.token) == 0) return;
  deliver(fleet::BuildEnded{cancel.token, Error(Code::refused, "cancelled")}, reply());
}

void Host::act(const fleet::SetTimer& timer) {
  timers_.insert(timer.token);
  uint64_t life = life_;
  time_.at(timer.at, [this, life, token = timer.token] {
    if (life == life_ && brain_ && timers_.erase(token) != 0) step(fleet::TimerFired{token});
  });
}

void Host::act(const fleet::CancelTimer& timer) { timers_.erase(timer.token); }

}  // namespace bridle::sim
