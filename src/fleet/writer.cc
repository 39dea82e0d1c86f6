#include "fleet/writer.h"

#include <boost/json.hpp>

#include "base/check.h"
#include "base/log.h"

namespace bridle::fleet {
namespace {

constexpr size_t most_events = 256;  // of one transaction

std::string spec_key(const Row& row) {
  const auto& meta = row.object.metadata;
  return model::spec_key(row.object.kind, meta.project, meta.name);
}

std::string status_key(const Row& row) {
  const auto& meta = row.object.metadata;
  return model::status_key(row.object.kind, meta.project, meta.name);
}

}  // namespace

void Writer::status(Row& row, model::json::object status, bool urgent) {
  if (row.object.status == status && !urgent) return;
  row.object.status = std::move(status);
  row.status_dirty = true;
  row.urgent |= urgent;
  dirty_.insert(row.ref);
}

void Writer::put_spec(Row& row) {
  if (row.spec_write == Row::SpecWrite::none) row.spec_write = Row::SpecWrite::put;
  row.urgent = true;
  dirty_.insert(row.ref);
}

void Writer::remove(Row& row) {
  row.spec_write = Row::SpecWrite::remove;
  row.urgent = true;
  dirty_.insert(row.ref);
}

bool Writer::pending(const Row& row) { return row.urgent || row.urgent_in_flight; }

void Writer::event(std::string key, std::string value) {
  events_.push_back({store::Write::Kind::put, std::move(key), std::move(value)});
}

void Writer::drop_event(std::string key) {
  // A transaction may name a key once: what was never written needs no removal.
  if (std::erase_if(events_, [&](const store::Write& write) { return write.key == key; }) != 0)
    return;
  events_.push_back({store::Write::Kind::remove, std::move(key)});
}

bool Writer::add(Row& row, std::vector<store::Write>& writes) {
  using Kind = store::Write::Kind;
  Sent sent{row.ref, row.spec_revision, row.status_revision, row.spec_write, false, {}};
  if (row.spec_write == Row::SpecWrite::remove) {
    writes.push_back({Kind::remove, spec_key(row), {}, row.spec_revision});
    if (row.status_revision != 0)
      writes.push_back({Kind::remove, status_key(row), {}, row.status_revision});
  } else {
    if (row.spec_write == Row::SpecWrite::put)
      writes.push_back(
          {Kind::put, spec_key(row), model::encode_spec(row.object), row.spec_revision});
    std::string text = model::json::serialize(row.object.status);
    if (row.status_dirty && text != row.status_text) {
      sent.wrote_status = true;
      sent.status_text = text;
      writes.push_back({Kind::put, status_key(row), std::move(text), row.status_revision});
    }
  }
  row.status_dirty = false;
  row.urgent_in_flight = row.urgent;
  row.urgent = false;
  row.spec_write = Row::SpecWrite::none;
  if (sent.spec_write == Row::SpecWrite::none && !sent.wrote_status) {
    if (row.urgent_in_flight) objects_.touch(row.ref);
    row.urgent_in_flight = false;
    return false;
  }
  row.in_flight = true;
  sent_.push_back(std::move(sent));
  return true;
}

void Writer::flush() {
  if (in_flight_ != 0 || retry_ != 0) return;
  std::vector<store::Write> writes;
  bool urgent = false;
  for (auto at = dirty_.begin(); at != dirty_.end();) {
    Row* row = objects_.find(*at);
    if (row != nullptr && row->waits) {
      ++at;
      continue;
    }
    bool full = row != nullptr && row->urgent;
    at = dirty_.erase(at);
    if (row == nullptr || !add(*row, writes)) continue;
    urgent |= full;
    if (one_by_one_) break;
  }
  bool alone = one_by_one_ && !sent_.empty();
  while (!alone && !events_.empty() && sent_events_.size() < most_events) {
    sent_events_.push_back(std::move(events_.front()));
    events_.pop_front();
    writes.push_back(sent_events_.back());
  }
  if (writes.empty()) {
    one_by_one_ = false;
    return;
  }
  in_flight_ = context_.token();
  context_.act(Commit{in_flight_, std::move(writes),
                      urgent ? store::Durability::full : store::Durability::lazy});
}

void Writer::succeeded(const Sent& sent, Revision revision) {
  Row* row = objects_.find(sent.ref);
  if (row == nullptr) return;
  objects_.touch(sent.ref);
  row->in_flight = false;
  row->urgent_in_flight = false;
  if (sent.spec_write == Row::SpecWrite::remove) {
    // A newer revision is a new object of that name.
    if (row->spec_revision <= revision) objects_.erase(sent.ref);
    return;
  }
  if (sent.spec_write == Row::SpecWrite::put && row->spec_revision < revision)
    row->spec_revision = revision;
  if (sent.wrote_status && row->status_revision < revision) {
    row->status_revision = revision;
    row->status_text = sent.status_text;
  }
}

void Writer::failed(const Sent& sent, bool conflict, bool alone) {
  Row* row = objects_.find(sent.ref);
  if (row == nullptr) return;
  row->in_flight = false;
  row->urgent |= std::exchange(row->urgent_in_flight, false);
  row->status_dirty |= sent.wrote_status;
  dirty_.insert(sent.ref);
  objects_.touch(sent.ref);
  bool moved =
      row->spec_revision != sent.spec_revision || row->status_revision != sent.status_revision;
  // A race lost: what is to become of the spec, the loop decides anew from what won.
  if (conflict && alone && !moved) row->waits = true;
  if (conflict && (alone || moved)) return;
  if (row->spec_write == Row::SpecWrite::none) row->spec_write = sent.spec_write;
}

bool Writer::on(const Committed& committed) {
  if (committed.token != in_flight_ || in_flight_ == 0) return false;
  in_flight_ = 0;
  std::vector<Sent> sent = std::exchange(sent_, {});
  std::vector<store::Write> events = std::exchange(sent_events_, {});
  if (committed.revision.ok()) {
    for (const Sent& each : sent) succeeded(each, *committed.revision);
    return true;
  }
  const Error& error = committed.revision.error();
  bool conflict = error.code() == Code::conflict;
  log::warning("commit failed", {{"error", error.message()}});
  for (auto at = events.rbegin(); at != events.rend(); ++at) events_.push_front(std::move(*at));
  for (const Sent& each : sent) failed(each, conflict, sent.size() == 1);
  if (conflict) {
    one_by_one_ = true;
  } else {
    retry_ = context_.token();
    context_.act(SetTimer{retry_, context_.now + context_.options.retry});
  }
  return true;
}

bool Writer::on_timer(Token token) {
  if (token != retry_ || retry_ == 0) return false;
  retry_ = 0;
  return true;
}

}  // namespace bridle::fleet
