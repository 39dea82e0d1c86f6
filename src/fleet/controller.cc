#include "fleet/controller.h"

#include <array>

#include "base/check.h"
#include "fleet/image_loop.h"
#include "fleet/intents.h"
#include "fleet/journal.h"
#include "fleet/machine_loop.h"
#include "fleet/objects.h"
#include "fleet/operation_loop.h"
#include "fleet/timers.h"
#include "fleet/volume_loop.h"
#include "fleet/writer.h"

namespace bridle::fleet {
namespace {

const std::string resync_owner = "~resync";
const std::string sample_owner = "~sample";
constexpr size_t most_looks = 1000000;  // of one step: more is a loop that feeds itself

}  // namespace

struct Controller::Parts {
  Parts(Random& random, Options options) : context(random, options) {
    objects.on_event_key = [this](const std::string& key, bool present) {
      journal.seen(key, present);
    };
  }

  Context context;
  Objects objects;
  Writer writer{context, objects};
  Intents intents{context, objects};
  Timers timers{context, objects};
  Journal journal{context, writer};
  MachineLoop machines{context, objects, writer, intents, timers, journal};
  VolumeLoop volumes{context, objects, writer, intents, timers, journal, machines};
  ImageLoop images{context, objects, writer, intents, timers, journal, volumes};
  OperationLoop operations{context, objects, writer, intents, timers, journal, machines, images};

  // Events that one loop alone understands.
  void on(const GuestStarted& event) { machines.on(event); }
  void on(const GuestStartFailed& event) { machines.on(event); }
  void on(const GuestExited& event) { machines.on(event); }
  void on(const TpmLost& event) { machines.on(event); }
  void on(const GuestReleased& event) { machines.on(event); }
  void on(const MonitorUp& event) { machines.on(event); }
  void on(const MonitorDown& event) { machines.on(event); }
  void on(const MonitorEvent& event) { machines.on(event); }
  void on(const MonitorReply& event) { machines.on(event); }
  void on(const AgentReady& event) { machines.on(event); }
  void on(const Prepared& event) { machines.on(event); }
  void on(const UsageSample& event) { machines.on(event); }
  void on(const VolumeResized& event) {
    volumes.on(event);
    machines.unblock();
  }
  void on(const VolumeRemoved& event) { volumes.on(event); }
  void on(const PartsCollected& event) { images.on(event); }
  void on(const BuildProgress& event) { operations.on(event); }

  void on(const BuildEnded& event) {
    operations.on(event);
    machines.unblock();
    volumes.wake();
  }
  void on(const VolumeCreated& event) {
    volumes.on(event);
    machines.unblock();
    images.wake();
  }
  void on(const LedgerSynced& event) { intents.on(event); }
  void on(const Committed& event) {
    writer.on(event);
    wake();
  }

  void on(const Begin& event) {
    context.host = event.host;
    machines.recover(event.open_intents);
    timers.want(resync_owner, context.now + context.options.resync);
    timers.want(sample_owner, context.now + context.options.sample);
  }
  void on(const HostChanged& event) {
    context.host = event.host;
    machines.unblock();
  }
  void on(const StoreLoaded& event) {
    objects.drop_missing(event.revision, event.entries);
    look_at_touched();
    objects.load(event.entries);
    if (!machines.ready()) machines.resync();
    wake();
  }
  void on(const StoreChanged& event) {
    // An object may be made anew under the name of one that goes: the loops see both.
    for (const store::Change& change : event.changes) {
      objects.apply(change);
      if (!change.value) look_at_touched();
    }
    wake();
  }
  void on(const JailUp& event) {
    context.jail_up = true;
    ++context.jail_epoch;
    machines.on(event);
  }
  void on(const JailDown& event) {
    context.jail_up = false;
    machines.on(event);
  }
  void on(const JailGuests& event) {
    bool was_ready = machines.ready();
    machines.on(event);
    if (was_ready || !machines.ready()) return;
    for (model::Kind kind : {model::Kind::image, model::Kind::volume, model::Kind::operation})
      std::as_const(objects).each(kind, [this](const Row& row) { objects.touch(row.ref); });
    images.want_collect();
  }
  void on(const TimerFired& event) {
    if (!timers.on(event) && !writer.on_timer(event.token)) intents.on_timer(event.token);
  }

  void wake() {
    volumes.wake();
    images.wake();
  }

  void look_machine(const std::string& ref) { machines.look(ref); }
  void look_volume(const std::string& ref) {
    volumes.look(ref);
    if (objects.find(ref) == nullptr) images.want_collect();  // it may have been the last user
  }
  void look_image(const std::string& ref) { images.look(ref); }
  void look_operation(const std::string& ref) { operations.look(ref); }
  void look_secret(const std::string&) { machines.unblock(); }
  void look_resync(const std::string&) {
    machines.resync();
    timers.want(resync_owner, context.now + context.options.resync);
  }
  void look_sample(const std::string&) {
    machines.sample_all();
    timers.want(sample_owner, context.now + context.options.sample);
  }
  void look_host(const std::string& ref) { machines.look_host(ref); }
  void look_turn(const std::string&) { machines.take_turns(); }
  void look_collect(const std::string&) { images.collect(); }

  struct Look {
    std::string_view prefix;
    void (Parts::*look)(const std::string&);
    bool needs_ready;
  };

  void look(const std::string& ref) {
    static constexpr std::array<Look, 11> looks = {{
        {"machine/", &Parts::look_machine, false},
        {"~stray/", &Parts::look_machine, false},
        {"volume/", &Parts::look_volume, true},
        {"image/", &Parts::look_image, true},
        {"operation/", &Parts::look_operation, true},
        {"secret/", &Parts::look_secret, true},
        {"host/", &Parts::look_host, true},
        {"~turn", &Parts::look_turn, true},
        {"~resync", &Parts::look_resync, false},
        {"~sample", &Parts::look_sample, false},
        {"~collect", &Parts::look_collect, true},
    }};
    for (const Look& each : looks)
      if (ref.compare(0, each.prefix.size(), each.prefix) == 0)
        return !each.needs_ready || machines.ready() ? (this->*each.look)(ref) : void();
  }

  void look_at_touched() {
    for (size_t looks = 0; objects.any_touched();)
      for (const std::string& ref : objects.take_touched()) {
        look(ref);
        BRIDLE_ASSERT(++looks < most_looks);
      }
  }

  // What was decided may settle at once what others wait for: until nothing moves.
  void settle() {
    do {
      look_at_touched();
      if (machines.ready()) writer.flush();
    } while (objects.any_touched());
  }
};

Controller::Controller(Random& random, Options options)
    : parts_(std::make_unique<Parts>(random, options)) {}
Controller::~Controller() = default;

std::vector<Action> Controller::step(const Event& event) {
  Parts& parts = *parts_;
  parts.context.now = event.now;
  parts.context.wall = event.wall;
  std::visit([&](const auto& body) { parts.on(body); }, event.body);
  parts.volumes.wake();
  parts.settle();
  return std::exchange(parts.context.out, {});
}

const Objects& Controller::objects() const { return parts_->objects; }
bool Controller::ready() const { return parts_->machines.ready(); }
model::HostGuests Controller::host_guests() const { return parts_->machines.host_guests(); }
size_t Controller::living() const { return parts_->machines.living(); }
const Promised& Controller::promised() const { return parts_->machines.promised(); }
void Controller::check() const { parts_->machines.check_rest(); }
size_t Controller::attached() const { return parts_->machines.attached(); }

bool Controller::busy() const {
  const Parts& parts = *parts_;
  return !ready() || !parts.machines.idle() || !parts.writer.idle() || !parts.intents.idle() ||
         !parts.volumes.idle() || !parts.images.idle() || !parts.operations.idle();
}

}  // namespace bridle::fleet
