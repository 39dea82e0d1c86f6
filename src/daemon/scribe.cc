#include "daemon/scribe.h"

namespace bridle::daemon {

void Scribe::write(ledger::Entry entry, Done done) {
  waiting_.emplace_back(std::move(entry), std::move(done));
  if (writing_) return;
  writing_ = true;
  loop_.post([this] { begin_batch(); });
}

void Scribe::begin_batch() {
  const auto batch = std::make_shared<Batch>(std::move(waiting_));
  waiting_.clear();
  worker_.run([this, batch] { return record(*batch); },
              [this, batch](std::vector<Result<uint64_t>> seqs) {
                writing_ = false;
                tell_if_broken(seqs);
                for (size_t i = 0; i < batch->size(); ++i) (*batch)[i].second(std::move(seqs[i]));
                if (!waiting_.empty() && !writing_) begin_batch();
              });
}

void Scribe::tell_if_broken(const std::vector<Result<uint64_t>>& seqs) {
  {
    const std::lock_guard lock(mutex_);
    if (!tell_broken_ || !ledger_.broken()) return;
  }
  for (const auto& seq : seqs)
    if (!seq.ok()) return std::exchange(tell_broken_, nullptr)(seq.error());
}

std::vector<Result<uint64_t>> Scribe::record(const Batch& batch) {
  const std::lock_guard lock(mutex_);
  std::vector<Result<uint64_t>> seqs;
  for (const auto& [entry, done] : batch) seqs.push_back(ledger_.append(entry));
  const Status synced = ledger_.sync();
  if (synced.ok()) return seqs;
  for (auto& seq : seqs)
    if (seq.ok()) seq = Error(synced.error().code(), synced.error().message());
  return seqs;
}

Result<std::vector<ledger::Line>> Scribe::read(uint64_t after, size_t limit) {
  const std::lock_guard lock(mutex_);
  return ledger_.read(after, limit);
}

Scribe::Figures Scribe::figures() {
  const std::lock_guard lock(mutex_);
  return {ledger_.head().seq, ledger_.open_intents().size()};
}

}  // namespace bridle::daemon
