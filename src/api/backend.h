// Backend: the seam between the API and the daemon. The API decides who may ask for what and what
// the store shall hold; the daemon writes the ledger, commits, and reaches the guests.
//
// A mutation, end to end:
//
//   request -> route -> authorization -> handler: reads store(), checks, builds a Mutation
//     -> Backend::mutate: ledger intent (synced) -> store commit (full) -> ledger outcome
//     -> done(revision): the handler reads the object again and answers
//
// The handler puts into each Write the revision it read, so that whatever happens between its
// reading and the commit ends as Code::conflict and never as a lost update.
//
// What is not a state (reset, image build) becomes an Operation object, pending, in the same
// commit; the daemon sees it through its own watch, carries it out and writes its status.
//
// Thread class: one thread, the loop's. Callbacks run on the same thread, exactly once, at once or
// later; the API lets them outlive the connection that asked. All references passed in are valid
// during the call only.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "model/machine.h"
#include "model/object.h"
#include "store/store.h"

namespace bridle::api {

namespace json = boost::json;

// Who does what to which object: what the ledger says about it. No secrets in here.
struct Act {
  std::string actor;  // "uid:1000 (role operator)"
  // "create", "update", "delete", "start", "stop", "build", "console", "export", "agent", ...
  std::string verb;
  std::string object;       // model::ref: "machine/lab/web"
  Uuid uid;                 // of the object; nil for one that is not created yet
  uint64_t generation = 0;  // MachineId.generation; 0 where the object is no machine
  std::string reason;       // the caller's X-Bridle-Reason; may be empty
  std::string request_id;   // as in the answer and the log
  std::string peer;         // address of who came over the network; else empty
};

struct Refusal;   // refusals.h
class Authority;  // authority.h

struct Mutation {
  Act act;
  std::vector<store::Write> writes;  // never empty
  // What only holds if nothing came between (quotas): asked right before the commit, in the same
  // turn of the loop. Gives writes that go into the same commit, or the refusal. May be empty.
  std::function<Result<std::vector<store::Write>>()> reserve = {};
};

// One machine's row of the usage report.
struct MachineUsage {
  std::string project;
  std::string name;
  Uuid uid;
  model::Usage usage;
  std::string phase;
};

class MetricText;  // metrics.h

struct UsageReport {
  std::vector<MachineUsage> machines;
  json::array processes;  // Bridle's own: {"name","pid","pss","cpuNs"}; not shown to tenants
};

// Entries with a sequence number greater than asked for, oldest first.
struct LedgerPage {
  json::array entries;  // objects as the ledger stores them
  uint64_t last = 0;    // sequence number of the last one here; `after` if there are none
  bool more = false;    // there are others behind
};

// Reserves and commits, durably: what a Backend does between the ledger's intent and its outcome.
Result<Revision> commit(store::Store& store, const Mutation& mutation);

template <typename T>
using Done = std::function<void(Result<T>)>;

class Backend {
 public:
  virtual ~Backend() = default;

  virtual store::Store& store() = 0;
  virtual Tick now() = 0;
  virtual WallTime wall() = 0;
  virtual Uuid new_uuid() = 0;

  // Ledger intent, commit with Durability::full, ledger outcome. done gets the revision; or the
  // store's error (conflict, exhausted), the reservation's or the ledger's, and then nothing was
  // committed.
  virtual void mutate(Mutation mutation, Done<Revision> done) = 0;

  // The same about an act that is no change of the store: intent, work, outcome. done gets what
  // work gave, or the ledger's error, and then nothing was done.
  virtual void perform(Act act, std::function<Status()> work,
                       std::function<void(const Status&)> done) = 0;
  // A call was refused before any handler saw it: the ledger hears of it, within bounds.
  virtual void refused(const Refusal& refusal) = 0;

  // For secrets.
  virtual Random& random() = 0;
  virtual Authority& authority() = 0;

  // May this object be created (current is null) or replace `current`? Capacity, reservations and
  // whatever needs more than the object itself. Code::refused names what is missing. Called for
  // dry runs too; changes nothing.
  virtual Status admit(const model::Object& wanted, const model::Object* current) = 0;

  // A stream socket (non-blocking) to the machine's console: the last `scrollback` bytes come
  // first, then both ways raw. Intent and outcome go to the ledger. Code::conflict: not running.
  virtual void open_console(Act act, const model::Object& machine, uint32_t scrollback,
                            Done<Fd> done) = 0;

  // A stream socket to the machine's screen, which speaks RFB (VNC) with nothing left to
  // authenticate. Intent and outcome go to the ledger. Code::conflict: not running, or no screen.
  virtual void open_display(Act act, const model::Object& machine, Done<Fd> done) = 0;
  // The screen as PNG; likewise.
  virtual void take_screen(Act act, const model::Object& machine, Done<std::string> done) = 0;

  // A stream socket (non-blocking) to whom the file of this image's import goes, as
  // image/import_steps.h says. Intent and outcome go to the ledger. Code::conflict: no import of
  // it waits for a file.
  virtual void open_upload(Act act, const model::Object& image, Done<Fd> done) = 0;

  // A stream socket (non-blocking) that gives what this volume holds as `to` (qcow2, raw, vmdk), as
  // image/export.h says. Intent and outcome go to the ledger. Code::conflict: a guest has it open.
  virtual void open_export(Act act, const model::Object& volume, const std::string& to,
                           Done<Fd> done) = 0;

  // One request of the guest agent's protocol and its reply. Goes to the ledger (the request's
  // "do" only). Code::unreachable: no agent, or no reply in time. The daemon bounds the wait.
  virtual void call_agent(Act act, const model::Object& machine, json::object request,
                          Done<json::object> done) = 0;

  // What this host can do: {"checks":[{"name","ok","message","fix"}]}.
  virtual void doctor(Done<json::object> done) = 0;
  virtual UsageReport usage() = 0;
  // The host's own families of /metrics: loop, store, ledger, objects.
  virtual void write_metrics(MetricText& out) = 0;

  // Writes a copy of the store for `bridle backup` to ROOT/state/snapshot.db, which is the daemon's
  // alone to read. Intent and outcome go to the ledger. {"revision","bytes"}.
  virtual void snapshot(Act act, Done<json::object> done) = 0;

  // limit: at least 1.
  virtual Result<LedgerPage> ledger(uint64_t after, size_t limit) = 0;
  virtual Result<std::string> ledger_key() = 0;  // PEM of the public key

  // The daemon's part of /version, besides name and version: {"engine","qemu","host"}.
  virtual json::object version() = 0;
};

}  // namespace bridle::api
