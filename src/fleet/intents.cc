#include "fleet/intents.h"

#include "base/check.h"
#include "base/log.h"

namespace bridle::fleet {
namespace {
constexpr std::string_view actor = "bridle";
}

Intents::Id Intents::open(std::string owner, std::string_view verb, std::string_view object,
                          std::string detail) {
  Id id = ++last_;
  Token token = context_.token();
  open_[id] = {
      std::move(owner), std::string(verb), std::string(object), token, 0, false, false, {}};
  syncing_[token] = id;
  context_.act(LedgerAppend{token, LedgerAppend::Phase::intent, std::string(actor),
                            std::string(verb), std::string(object), 0, true, std::move(detail)});
  return id;
}

std::optional<uint64_t> Intents::seq(Id id) const {
  auto found = open_.find(id);
  if (found == open_.end() || found->second.seq == 0) return std::nullopt;
  return found->second.seq;
}

void Intents::append(LedgerAppend entry) {
  entry.token = context_.token();
  outcomes_[entry.token] = entry;
  context_.act(std::move(entry));
}

void Intents::finish(Open& open) {
  append({0, LedgerAppend::Phase::outcome, std::string(actor), open.verb, open.object, open.seq,
          open.ok, open.detail});
}

void Intents::close(Id& id, bool ok, std::string detail) {
  auto found = open_.find(std::exchange(id, 0));
  if (found == open_.end()) return;
  Open& open = found->second;
  BRIDLE_ASSERT(!open.closed);
  open.closed = true;
  open.ok = ok;
  open.detail = std::move(detail);
  if (open.seq == 0) return;
  finish(open);
  open_.erase(found);
}

void Intents::note(std::string_view verb, std::string_view object, std::string detail) {
  append({0, LedgerAppend::Phase::note, std::string(actor), std::string(verb), std::string(object),
          0, true, std::move(detail)});
}

void Intents::recover(const OpenIntent& intent, std::string detail) {
  append({0, LedgerAppend::Phase::outcome, std::string(actor), intent.verb, intent.object,
          intent.seq, false, std::move(detail)});
}

bool Intents::on(const LedgerSynced& synced) {
  if (auto written = outcomes_.find(synced.token); written != outcomes_.end()) {
    if (!synced.seq.ok()) {
      log::error("ledger refuses an outcome", {{"error", synced.seq.error().message()}});
      again_.push_back(written->second);
      if (retry_ == 0) {
        retry_ = context_.token();
        context_.act(SetTimer{retry_, context_.now + context_.options.retry});
      }
    }
    outcomes_.erase(written);
    return true;
  }
  auto found = syncing_.find(synced.token);
  if (found == syncing_.end()) return false;
  Id id = found->second;
  syncing_.erase(found);
  Open& open = open_.at(id);
  objects_.touch(open.owner);
  if (synced.seq.ok()) open.seq = *synced.seq;
  if (synced.seq.ok() && open.closed) finish(open);
  if (!synced.seq.ok() || open.closed) open_.erase(id);
  return true;
}

bool Intents::on_timer(Token token) {
  if (token != retry_ || retry_ == 0) return false;
  retry_ = 0;
  for (LedgerAppend& entry : std::exchange(again_, {})) append(std::move(entry));
  return true;
}

}  // namespace bridle::fleet
