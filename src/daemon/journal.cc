#include "daemon/journal.h"

#include "fleet/objects.h"
#include "model/machine.h"

namespace bridle::daemon {
namespace {

ledger::Phase phase_of(fleet::LedgerAppend::Phase phase) {
  switch (phase) {
    case fleet::LedgerAppend::Phase::intent:
      return ledger::Phase::intent;
    case fleet::LedgerAppend::Phase::outcome:
      return ledger::Phase::outcome;
    case fleet::LedgerAppend::Phase::note:
      break;
  }
  return ledger::Phase::note;
}

std::optional<MachineId> machine_of(const fleet::Objects& objects, const std::string& ref) {
  const fleet::Row* row = objects.find(ref);
  if (row == nullptr || row->object.kind != model::Kind::machine) return std::nullopt;
  const auto status = model::machine_status(row->object.status);
  return MachineId{row->object.metadata.uid, status.ok() ? status->machine_generation : 0};
}

}  // namespace

Journal::Journal(Clock& clock, Runner& runner, Scribe& scribe)
    : clock_(clock), runner_(runner), scribe_(scribe) {
  runner_.handle<fleet::LedgerAppend>([this](auto& a) { append(a); });
}

void Journal::append(fleet::LedgerAppend& action) {
  ledger::Entry entry;
  entry.phase = phase_of(action.phase);
  entry.at = clock_.wall();
  entry.actor = action.actor;
  entry.verb = action.verb;
  entry.object = action.object;
  entry.machine = machine_of(runner_.controller().objects(), action.object);
  entry.of = action.of;
  if (entry.phase == ledger::Phase::outcome) entry.code = action.ok ? "ok" : "internal";
  entry.detail = action.detail;
  scribe_.write(std::move(entry), [this, token = action.token](Result<uint64_t> seq) {
    runner_.tell(fleet::LedgerSynced{token, std::move(seq)});
  });
}

}  // namespace bridle::daemon
