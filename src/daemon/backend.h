// DaemonBackend: what the API needs of the daemon (api/backend.h), on the real store, ledger and
// guests.
//
// Thread class: the loop's thread.
#pragma once

#include <functional>
#include <string>

#include "api/backend.h"
#include "base/layout.h"
#include "base/random.h"
#include "daemon/exports.h"
#include "daemon/guests.h"
#include "daemon/imports.h"
#include "daemon/network.h"
#include "daemon/runner.h"
#include "daemon/scribe.h"

namespace bridle::daemon {

class DaemonBackend final : public api::Backend {
 public:
  struct Parts {
    Loop& loop;
    Clock& clock;
    Random& random;
    const Layout& layout;
    store::Store& store;
    Scribe& scribe;
    Runner& runner;
    Guests& guests;
    Imports& imports;
    Network& network;
    Exports& exports;
    std::function<fleet::HostFacts()> facts;
    std::function<boost::json::object()> doctor;
    std::function<boost::json::object()> version;
    std::function<void(api::MetricText&)> metrics;
  };
  explicit DaemonBackend(Parts parts) : parts_(std::move(parts)) {}

  store::Store& store() override { return parts_.store; }
  Tick now() override { return parts_.clock.now(); }
  WallTime wall() override { return parts_.clock.wall(); }
  Uuid new_uuid() override { return Uuid::random(parts_.random); }
  void mutate(api::Mutation mutation, api::Done<Revision> done) override;
  void perform(api::Act act, std::function<Status()> work,
               std::function<void(const Status&)> done) override;
  void refused(const api::Refusal& refusal) override { parts_.network.refused(refusal); }
  Random& random() override { return parts_.random; }
  api::Authority& authority() override { return parts_.network.authority(); }
  Status admit(const model::Object& wanted, const model::Object* current) override;
  void open_console(api::Act act, const model::Object& machine, uint32_t scrollback,
                    api::Done<Fd> done) override;
  void open_display(api::Act act, const model::Object& machine, api::Done<Fd> done) override;
  void take_screen(api::Act act, const model::Object& machine,
                   api::Done<std::string> done) override;
  void open_upload(api::Act act, const model::Object& image, api::Done<Fd> done) override;
  void open_export(api::Act act, const model::Object& volume, const std::string& to,
                   api::Done<Fd> done) override;
  void call_agent(api::Act act, const model::Object& machine, boost::json::object request,
                  api::Done<boost::json::object> done) override;
  void doctor(api::Done<boost::json::object> done) override { done(parts_.doctor()); }
  api::UsageReport usage() override;
  void write_metrics(api::MetricText& out) override { parts_.metrics(out); }
  void snapshot(api::Act act, api::Done<boost::json::object> done) override;
  Result<api::LedgerPage> ledger(uint64_t after, size_t limit) override;
  Result<std::string> ledger_key() override;
  boost::json::object version() override { return parts_.version(); }

 private:
  Status check_free(const api::Act& act);
  ledger::Entry intent_of(const api::Act& act);
  // Writes the intent; then act(intent's seq), or failed(error).
  template <typename Do, typename Failed>
  void announced(const api::Act& act, Do go_on, Failed failed);
  void outcome(const api::Act& act, uint64_t intent, const Status& result);
  // Tries again until it is written: a disk that was full has room again.
  void close_intent(const ledger::Entry& outcome);

  Parts parts_;
  std::vector<ledger::Entry> owed_;  // outcomes that the ledger refused
  std::unique_ptr<Handle> pay_;
};

}  // namespace bridle::daemon
