#include "daemon/daemon.h"

#include <unistd.h>

#include <csignal>
#include <sstream>

#include "api/api.h"
#include "api/server.h"
#include "base/child.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/layout.h"
#include "base/log.h"
#include "base/random.h"
#include "daemon/backend.h"
#include "daemon/doctor.h"
#include "daemon/engine.h"
#include "daemon/guests.h"
#include "daemon/helper_runs.h"
#include "daemon/host.h"
#include "daemon/images.h"
#include "daemon/jail_link.h"
#include "daemon/journal.h"
#include "daemon/loop.h"
#include "daemon/meter.h"
#include "daemon/network.h"
#include "daemon/preparer.h"
#include "daemon/processes.h"
#include "daemon/runner.h"
#include "daemon/scribe.h"
#include "daemon/store_feed.h"
#include "daemon/timers.h"
#include "daemon/volumes.h"
#include "daemon/worker.h"
#include "fleet/objects.h"
#include "ledger/ledger_file.h"
#include "store/sqlite_store.h"
#include "wire/socket.h"

namespace bridle::daemon {
namespace {

constexpr auto house_keeping = std::chrono::seconds(5);
constexpr auto shelf_keeping = std::chrono::minutes(5);
constexpr auto stop_watching = std::chrono::milliseconds(500);

struct Qemu {
  std::string version;  // empty: none
  bool new_enough = false;
};

Qemu find_qemu() {
  ChildSpec spec;
  spec.argv = {std::string(machine::qemu_path), "--version"};
  const auto ran = run_child(spec);
  if (!ran.ok()) return {};
  const auto version = machine::parse_qemu_version(ran->out);
  if (!version.ok()) return {};
  const Status fit = machine::check_qemu_version(*version);
  if (!fit.ok()) log::error("this QEMU is refused", {{"why", fit.error().message()}});
  return {version->text(), fit.ok()};
}

// Names what started bridled: the supervisor outlives a killed bridled, and not a stopped Bridle.
std::string start_name(const Uuid& boot_id) {
  const pid_t parent = ::getppid();
  const auto stat = read_file("/proc/" + std::to_string(parent) + "/stat", 4096);
  std::string since;
  if (stat.ok() && stat->rfind(')') != std::string::npos) {
    std::istringstream fields(stat->substr(stat->rfind(')') + 1));
    for (int field = 3; field <= 22; ++field) fields >> since;
  }
  return boot_id.text() + "/" + std::to_string(parent) + "/" + since;
}

}  // namespace

struct Daemon::Parts {
  Parts(const DaemonOptions& options, Layout where)
      : memory_reserved(options.memory_reserved),
        layout(std::move(where)),
        runner(clock, random),
        worker(loop) {}

  void wire();
  void watch_jail();
  Status begin();
  fleet::HostFacts facts();
  HostObject::Facts host_facts();
  void tell_facts();
  void keep_house();

  uint64_t memory_reserved;
  Layout layout;
  SystemClock clock;
  SystemRandom random;
  Loop loop;
  std::optional<Error> broken;  // why it cannot go on
  Qemu qemu;
  fleet::HostFacts told;  // to the controller
  Uuid boot_id;
  std::unique_ptr<ledger::LedgerFile> ledger;
  std::unique_ptr<store::Store> store;

  Runner runner;
  Worker worker;
  std::unique_ptr<Scribe> scribe;
  std::unique_ptr<StoreFeed> feed;
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Timers> timers;
  std::unique_ptr<JailLink> jail;
  std::unique_ptr<EngineKeeper> engine;
  std::unique_ptr<Guests> guests;
  std::unique_ptr<Preparer> preparer;
  std::unique_ptr<Volumes> volumes;
  std::unique_ptr<HelperRuns> helpers;
  std::unique_ptr<Images> images;
  std::unique_ptr<Exports> exports;
  std::unique_ptr<HostObject> host;
  std::unique_ptr<Meter> meter;
  std::unique_ptr<Network> network;
  std::unique_ptr<DaemonBackend> backend;
  std::unique_ptr<api::Api> api;
  std::unique_ptr<api::Server> server;
  std::unique_ptr<Handle> signals, house, shelf, watch;
  bool was_stopping = false;
};

fleet::HostFacts Daemon::Parts::facts() {
  fleet::HostFacts facts;
  facts.name = host_name();
  facts.boot_id = boot_id.text();
  facts.engine = std::string(machine::name(engine->engine()));
  facts.cpu_millicores = host_millicores();
  facts.memory_bytes = host_memory_bytes();
  facts.slots = EngineKeeper::probe_slot - 1;
  const model::HostAmounts reserved = host->reserved(facts.name);
  facts.cpu_millicores -= std::min(facts.cpu_millicores, reserved.cpus);
  facts.memory_reserved = reserved.memory != 0 ? reserved.memory : memory_reserved;
  return facts;
}

HostObject::Facts Daemon::Parts::host_facts() {
  return {facts(), engine->why(), qemu.version, network->status()};
}

void Daemon::Parts::wire() {
  scribe = std::make_unique<Scribe>(loop, worker, *ledger);
  const auto end_broken = [this](const Error& why) {
    // The supervisor starts another, which sees what is really on disk; guests run on meanwhile.
    if (!broken) broken = why;
    loop.stop();
  };
  scribe->on_broken(end_broken);
  store->on_broken(end_broken);
  feed = std::make_unique<StoreFeed>(loop, runner, *store);
  journal = std::make_unique<Journal>(clock, runner, *scribe);
  timers = std::make_unique<Timers>(loop, clock, runner);
  watch_jail();
  engine =
      std::make_unique<EngineKeeper>(loop, clock, random, layout, *jail, [this] { tell_facts(); });
  guests = std::make_unique<Guests>(loop, clock, random, layout, runner, *jail);
  guests->hide([this](const Uuid& uuid) { return engine->is_probe(uuid); });
  preparer = std::make_unique<Preparer>(layout, boot_id, worker, runner, *guests);
  volumes = std::make_unique<Volumes>(layout, worker, runner);
  helpers = std::make_unique<HelperRuns>(loop, random, *jail);
  images = std::make_unique<Images>(loop, clock, layout, random, runner, *helpers);
  exports = std::make_unique<Exports>(layout, random, *helpers);
  runner.check_hands();
  host = std::make_unique<HostObject>(clock, random, *store, runner);
  meter = std::make_unique<Meter>(loop, clock, layout, *store, *scribe, runner);
  network = std::make_unique<Network>(clock, layout, *scribe, host_name());
  backend = std::make_unique<DaemonBackend>(DaemonBackend::Parts{
      loop, clock, random, layout, *store, *scribe, runner, *guests, images->imports(), *network,
      *exports, [this] { return facts(); },
      [this] {
        return examine(layout, {jail->is_up(), std::string(machine::name(engine->engine())),
                                engine->why(), qemu.version, qemu.new_enough, true,
                                may_grow(layout, runner.controller().objects())});
      },
      [this] {
        return boost::json::object{{"engine", machine::name(engine->engine())},
                                   {"qemu", qemu.version},
                                   {"host", host_name()}};
      },
      [this](api::MetricText& out) { meter->write(out, facts()); }});
  api = std::make_unique<api::Api>(*backend, layout.daemon_uid());
  feed->also_ring([this](Revision) {
    if (!server) return;
    server->store_changed();
    network->refresh(*store);
    network->store_changed();
  });
}

void Daemon::Parts::watch_jail() {
  JailLink::Callbacks callbacks;
  callbacks.up = [this] {
    log::info("bridle-jail answers");
    runner.tell(fleet::JailUp{});
  };
  callbacks.down = [this] {
    log::warning("bridle-jail is gone; waiting for it");
    images->jail_down();
    runner.tell(fleet::JailDown{});
  };
  callbacks.exited = [this](const jail::Answer& answer) {
    const Uuid& uuid = answer.machine.uuid;
    if (helpers->runs(uuid)) return helpers->exited(answer);
    if (engine->is_probe(uuid)) return engine->exited(answer);
    guests->exited(answer);
  };
  callbacks.tpm_lost = [this](const jail::Answer& answer) {
    runner.tell(fleet::TpmLost{answer.machine.uuid, answer.boot});
  };
  jail = std::make_unique<JailLink>(loop, layout.jail_socket(), std::move(callbacks));
}

Status Daemon::Parts::begin() {
  std::vector<fleet::OpenIntent> open;
  for (const auto& [seq, entry] : ledger->open_intents())
    open.push_back({seq, entry.verb, entry.object});
  BRIDLE_CHECK(host->begin(host_name(), start_name(boot_id)));
  told = facts();
  runner.tell(fleet::Begin{told, std::move(open)});
  BRIDLE_CHECK(feed->begin());
  BRIDLE_CHECK(host->refresh(host_facts()));
  BRIDLE_TRY(Fd listener, wire::listen_unix(layout.api_socket(), SOCK_STREAM, 0666));
  server =
      std::make_unique<api::Server>(loop.context(), *api, std::move(listener), layout.daemon_uid());
  if (const Status loaded = network->load(); !loaded.ok())
    log::error("no keys for the API over the network", {{"why", loaded.error().message()}});
  network->serve(loop, *api);
  network->refresh(*store);
  house = loop.every(house_keeping, [this] { keep_house(); });
  shelf = loop.every(shelf_keeping, [this] { api->shelf().tidy(); });
  // Whoever stops the host's machines waits for its status.
  watch = loop.every(stop_watching, [this] {
    const bool stops = runner.controller().host_guests() != model::HostGuests::run;
    if (stops || was_stopping) (void)host->refresh(host_facts()).ok();
    was_stopping = stops;
  });
  return {};
}

void Daemon::Parts::tell_facts() {
  fleet::HostFacts now = facts();
  if (now == told) return;
  told = now;
  runner.tell(fleet::HostChanged{std::move(now)});
}

void Daemon::Parts::keep_house() {
  tell_facts();
  network->keep_house(*store);
  if (const Status done = host->refresh(host_facts()); !done.ok())
    log::warning("the host's status was not written", {{"why", done.error().message()}});
  if (const Status done = store->flush(); !done.ok())
    log::warning("statuses are not durable yet", {{"why", done.error().message()}});
  std::vector<model::ImageStatus> ready;
  runner.controller().objects().each(model::Kind::image, [&](const fleet::Row& row) {
    auto status = model::image_status(row.object.status);
    if (status.ok() && status->phase == "ready") ready.push_back(*std::move(status));
  });
  engine->consider(ready);
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Daemon::~Daemon() {
  if (parts_->network) parts_->network->stop();
}

Result<std::unique_ptr<Daemon>> Daemon::open(const DaemonOptions& options) {
  BRIDLE_TRY(Layout layout, Layout::of(options.root));
  auto parts = std::make_unique<Parts>(options, std::move(layout));
  Parts& p = *parts;
  p.qemu = find_qemu();
  BRIDLE_TRY(p.boot_id, blob::PartStore::host_boot_id());
  auto ledger = ledger::LedgerFile::open(p.layout.ledger(), p.random, p.clock.wall());
  if (!ledger.ok()) return std::move(ledger).error().context("opening the ledger");
  p.ledger = *std::move(ledger);
  auto store = store::open_sqlite_store(p.layout.store_file());
  if (!store.ok()) return std::move(store).error().context("opening the store");
  p.store = *std::move(store);
  p.wire();
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

Status Daemon::run() {
  Parts& p = *parts_;
  ::signal(SIGPIPE, SIG_IGN);
  BRIDLE_CHECK(p.begin());
  p.signals = p.loop.on_signals({SIGTERM, SIGINT}, [&p](int) {
    log::info("told to end; guests run on");
    p.server->shut_down();
    p.network->shut_down();
    // Streams are told to come back, answers under way are finished.
    p.house = p.loop.after(std::chrono::milliseconds(100), [&p] { p.loop.stop(); });
  });
  log::info("ready", {{"root", p.layout.root()},
                      {"api", p.layout.api_socket()},
                      {"engine", std::string(machine::name(p.engine->engine()))}});
  p.loop.run();
  if (p.broken) return *p.broken;
  return p.store->flush();
}

}  // namespace bridle::daemon
