#include "daemon/backend.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "daemon/processes.h"
#include "fleet/admission.h"
#include "fleet/objects.h"
#include "fleet/references.h"
#include "wire/socket.h"

namespace bridle::daemon {
namespace json = boost::json;

ledger::Entry DaemonBackend::intent_of(const api::Act& act) {
  ledger::Entry entry;
  entry.phase = ledger::Phase::intent;
  entry.at = parts_.clock.wall();
  entry.actor = act.actor;
  entry.verb = act.verb;
  entry.object = act.object;
  if (!act.uid.is_nil() && act.object.starts_with("machine/"))
    entry.machine = MachineId{act.uid, act.generation};
  entry.detail = "request " + act.request_id;
  if (!act.peer.empty()) entry.detail += " from " + act.peer;
  if (!act.reason.empty()) entry.detail += ": " + act.reason;
  return entry;
}

template <typename Do, typename Failed>
void DaemonBackend::announced(const api::Act& act, Do go_on, Failed failed) {
  parts_.scribe.write(intent_of(act), [go_on = std::move(go_on),
                                       failed = std::move(failed)](Result<uint64_t> seq) mutable {
    if (!seq.ok()) return failed(std::move(seq).error().context("writing the ledger"));
    go_on(*seq);
  });
}

void DaemonBackend::outcome(const api::Act& act, uint64_t intent, const Status& result) {
  ledger::Entry entry = intent_of(act);
  entry.phase = ledger::Phase::outcome;
  entry.of = intent;
  entry.code = result.ok() ? "ok" : std::string(code_name(result.error().code()));
  entry.detail = result.ok() ? "" : result.error().message();
  close_intent(entry);
}

void DaemonBackend::close_intent(const ledger::Entry& outcome) {
  parts_.scribe.write(outcome, [this, outcome](Result<uint64_t> seq) {
    if (seq.ok()) return;
    log::error("the ledger refuses an outcome", {{"why", seq.error().message()}});
    owed_.push_back(outcome);
    if (pay_) return;
    pay_ = parts_.loop.after(std::chrono::seconds(1), [this] {
      const auto spent = std::move(pay_);
      for (const ledger::Entry& entry : std::exchange(owed_, {})) close_intent(entry);
    });
  });
}

// What something still needs is not marked for deletion.
Status DaemonBackend::check_free(const api::Act& act) {
  const fleet::Objects& objects = parts_.runner.controller().objects();
  const fleet::Row* row = objects.find(act.object);
  if (act.verb != "delete" || row == nullptr) return {};
  return fleet::check_delete(objects, row->object);
}

void DaemonBackend::mutate(api::Mutation mutation, api::Done<Revision> done) {
  const api::Act act = mutation.act;
  if (const Status free = check_free(act); !free.ok())
    return done(Error(free.error().code(), free.error().message()));
  const auto go_on = [this, act, mutation = std::move(mutation), done](uint64_t intent) {
    auto revision = api::commit(parts_.store, mutation);
    Status status;
    if (!revision.ok()) status = Error(revision.error().code(), revision.error().message());
    outcome(act, intent, status);
    done(std::move(revision));
  };
  announced(act, go_on, [done](Error error) { done(std::move(error)); });
}

void DaemonBackend::perform(api::Act act, std::function<Status()> work,
                            std::function<void(const Status&)> done) {
  const auto go_on = [this, act, work = std::move(work), done](uint64_t intent) {
    const Status status = work();
    outcome(act, intent, status);
    done(status);
  };
  announced(act, go_on, [done](const Error& error) { done(Error(error.code(), error.message())); });
}

Status DaemonBackend::admit(const model::Object& wanted, const model::Object*) {
  if (wanted.kind != model::Kind::machine) return {};
  BRIDLE_TRY(const model::MachineSpec spec, model::machine_spec(wanted.spec));
  const fleet::HostFacts facts = parts_.facts();
  BRIDLE_CHECK(fleet::check_shape(spec, facts));
  if (const fleet::Row* image = fleet::find_image(parts_.runner.controller().objects(),
                                                  wanted.metadata.project, spec.image)) {
    // What cannot be read is no reason to refuse here: the start says so.
    const auto built = model::image_status(image->object.status);
    if (built.ok()) BRIDLE_CHECK(fleet::check_image(spec, image->ref, *built));
  }
  if (spec.power == model::Power::stopped) return {};
  const std::string ref = model::ref(wanted);
  std::vector<fleet::Holding> held;
  parts_.runner.controller().objects().each(model::Kind::machine, [&](const fleet::Row& row) {
    const auto other = model::machine_spec(row.object.spec);
    if (row.ref == ref || !other.ok() || other->power == model::Power::stopped) return;
    held.push_back(fleet::holding_of(row.ref, *other, facts));
  });
  return fleet::admit(fleet::holding_of(ref, spec, facts), held, facts);
}

void DaemonBackend::open_console(api::Act act, const model::Object& machine, uint32_t scrollback,
                                 api::Done<Fd> done) {
  const std::string path = parts_.layout.guest(machine.metadata.uid) + "/attendant.sock";
  const auto go_on = [this, act, path, scrollback, done](uint64_t intent) {
    Result<Fd> console = wire::connect_unix(path, SOCK_STREAM);
    if (console.ok()) {
      const Status asked =
          write_all(console->get(), "console " + std::to_string(scrollback) + "\n");
      if (!asked.ok()) console = Error(Code::unreachable, asked.error().message());
    } else {
      console = Error(Code::conflict, "the machine has no console now: it does not run");
    }
    Status status;
    if (!console.ok()) status = Error(console.error().code(), console.error().message());
    outcome(act, intent, status);
    done(std::move(console));
  };
  announced(act, go_on, [done](Error error) { done(std::move(error)); });
}

void DaemonBackend::open_display(api::Act act, const model::Object& machine, api::Done<Fd> done) {
  const auto go_on = [this, act, uuid = machine.metadata.uid, done](uint64_t intent) {
    parts_.guests.open_display(uuid, [this, act, intent, done](Result<Fd> display) {
      Status status;
      if (!display.ok()) status = Error(display.error().code(), display.error().message());
      outcome(act, intent, status);
      done(std::move(display));
    });
  };
  announced(act, go_on, [done](Error error) { done(std::move(error)); });
}

void DaemonBackend::take_screen(api::Act act, const model::Object& machine,
                                api::Done<std::string> done) {
  const auto go_on = [this, act, uuid = machine.metadata.uid, done](uint64_t intent) {
    parts_.guests.take_screen(uuid, [this, act, intent, done](Result<std::string> picture) {
      Status status;
      if (!picture.ok()) status = Error(picture.error().code(), picture.error().message());
      outcome(act, intent, status);
      done(std::move(picture));
    });
  };
  announced(act, go_on, [done](Error error) { done(std::move(error)); });
}

void DaemonBackend::open_upload(api::Act act, const model::Object& image, api::Done<Fd> done) {
  const auto go_on = [this, act, project = image.metadata.project, name = image.metadata.name,
                      done](uint64_t intent) {
    Result<Fd> upload = parts_.imports.open_upload(project, name);
    Status status;
    if (!upload.ok()) status = Error(upload.error().code(), upload.error().message());
    outcome(act, intent, status);
    done(std::move(upload));
  };
  announced(act, go_on, [done](Error error) { done(std::move(error)); });
}

void DaemonBackend::open_export(api::Act act, const model::Object& volume, const std::string& to,
                                api::Done<Fd> done) {
  for (const std::string& user : fleet::users_of(parts_.runner.controller().objects(), volume)) {
    const fleet::Row* row = parts_.runner.controller().objects().find(user);
    const auto seen = row == nullptr ? Result<model::MachineStatus>(model::MachineStatus{})
                                     : model::machine_status(row->object.status);
    const auto phase = seen.ok() ? seen->phase : model::Phase::failed;
    if (phase != model::Phase::defined && phase != model::Phase::failed)
      return done(Error(Code::conflict, "the volume is in use by " + user + ", which is " +
                                            std::string(model::name(phase)) + "; stop it first"));
  }
  const auto status = model::volume_status(volume.status);
  if (!status.ok()) return done(Error(Code::conflict, "the volume is not ready"));
  const auto go_on = [this, act, status = *status, to, done](uint64_t intent) {
    Result<Fd> stream = parts_.exports.open(status, to);
    Status opened;
    if (!stream.ok()) opened = Error(stream.error().code(), stream.error().message());
    outcome(act, intent, opened);
    done(std::move(stream));
  };
  announced(act, go_on, [done](Error error) { done(std::move(error)); });
}

void DaemonBackend::call_agent(api::Act act, const model::Object& machine, json::object request,
                               api::Done<json::object> done) {
  auto parsed = machine::agent_request(request);
  if (!parsed.ok()) return done(std::move(parsed).error());
  const auto seen = model::machine_status(machine.status);
  const auto phase = seen.ok() ? seen->phase : model::Phase::defined;
  if (phase == model::Phase::paused)
    return done(Error(Code::conflict, "the machine is paused: resume it first"));
  if (phase == model::Phase::defined || phase == model::Phase::failed)
    return done(Error(Code::conflict, "the machine does not run: start it first"));
  const Uuid uuid = machine.metadata.uid;
  const auto go_on = [this, act, uuid, parsed = *parsed, done](uint64_t intent) {
    parts_.guests.ask_agent(uuid, parsed, [this, act, intent, done](Result<json::object> reply) {
      Status status;
      if (!reply.ok()) status = Error(reply.error().code(), reply.error().message());
      outcome(act, intent, status);
      done(std::move(reply));
    });
  };
  announced(act, go_on, [done](Error error) { done(std::move(error)); });
}

api::UsageReport DaemonBackend::usage() {
  api::UsageReport report;
  parts_.runner.controller().objects().each(model::Kind::machine, [&](const fleet::Row& row) {
    const auto status = model::machine_status(row.object.status);
    if (!status.ok()) return;
    const auto& metadata = row.object.metadata;
    report.machines.push_back({metadata.project, metadata.name, metadata.uid, status->usage,
                               std::string(model::name(status->phase))});
  });
  report.processes = to_json(bridle_processes(parts_.layout.root()));
  return report;
}

void DaemonBackend::snapshot(api::Act act, api::Done<json::object> done) {
  const auto make = [this]() -> Result<json::object> {
    const std::string path = parts_.layout.state() + "/snapshot.db";
    BRIDLE_CHECK(remove_file(path));
    BRIDLE_CHECK(parts_.store.copy_to(path));
    BRIDLE_TRY(const Fd file, open_file(path, O_RDONLY));
    struct stat seen {};
    if (::fstat(file.get(), &seen) != 0) return errno_error(path);
    return json::object{{"revision", parts_.store.revision()}, {"bytes", seen.st_size}};
  };
  const auto go_on = [this, act, make, done](uint64_t intent) {
    auto made = make();
    Status status;
    if (!made.ok()) status = Error(made.error().code(), made.error().message());
    outcome(act, intent, status);
    done(std::move(made));
  };
  announced(act, go_on, [done](Error error) { done(std::move(error)); });
}

Result<api::LedgerPage> DaemonBackend::ledger(uint64_t after, size_t limit) {
  BRIDLE_TRY(const std::vector<ledger::Line> lines, parts_.scribe.read(after, limit + 1));
  api::LedgerPage page;
  page.last = after;
  for (const auto& line : lines) {
    if (page.entries.size() == limit) {
      page.more = true;
      break;
    }
    boost::system::error_code error;
    json::value entry = json::parse(ledger::encode(line.record), error);
    if (error) return Error(Code::internal, "an entry of the ledger is no JSON");
    entry.as_object()["hash"] = hex(line.head.hash);
    entry.as_object()["line"] = ledger::line_text(line);
    page.entries.push_back(std::move(entry));
    page.last = line.record.seq;
  }
  return page;
}

Result<std::string> DaemonBackend::ledger_key() {
  return read_file(parts_.layout.ledger() + "/ledger.pub", 64 << 10);
}

}  // namespace bridle::daemon
