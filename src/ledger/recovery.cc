#include "ledger/recovery.h"

namespace bridle::ledger {
namespace {

Error refused(const std::string& where, const std::string& what) {
  return Error(Code::corrupt,
               where + ": " + what +
                   ". A crash does not do this. Keep the folder as evidence (move it aside) and "
                   "look for who changed it; with no folder a new ledger is begun");
}

}  // namespace

bool Recovery::take(std::string_view line) {
  const auto accepted = found_.chain.accept(line);
  if (!accepted) {
    reason_ = accepted.error().message();
    return false;
  }
  const Head& head = accepted->head;
  if ((head.seq - 1) % index_step == 0) found_.index.push_back(found_.good_size);
  found_.good_size += line.size() + 1;
  if (synced_ && synced_->seq == head.seq) synced_found_ = synced_->hash == head.hash;
  return true;
}

void Recovery::feed(std::string_view bytes) {
  if (found_.torn || bytes.empty()) return;
  found_.torn = !cutter_.feed(bytes, [this](std::string_view line) { return take(line); });
  if (cutter_.too_long()) reason_ = "it is too long";
}

Result<Recovery::Found> Recovery::finish(const std::string& where) {
  const uint64_t good = found_.chain.head().seq;
  if (synced_ && !synced_found_) {
    const std::string why = reason_.empty() ? "the file ends there" : reason_;
    const uint64_t bad = std::min(good + 1, synced_->seq);
    return refused(where, "entry " + std::to_string(bad) + " of " + std::to_string(synced_->seq) +
                              " that were on disk is missing or changed (" + why + ")");
  }
  if (found_.torn && !synced_)
    return refused(where, "line " + std::to_string(good + 1) + " is bad: " + reason_);
  if (!cutter_.partial().empty()) found_.torn = true;
  return std::move(found_);
}

Entry Recovery::note(WallTime at, uint64_t bytes, const std::string& evidence) {
  Entry entry;
  entry.at = at;
  entry.actor = "bridled";
  entry.verb = "ledger.recovered";
  entry.detail = "a crash tore the end: " + std::to_string(bytes) + " bytes cut" +
                 (evidence.empty() ? "" : ", kept in " + evidence);
  return entry;
}

}  // namespace bridle::ledger
