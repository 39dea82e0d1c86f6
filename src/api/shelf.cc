#include "api/shelf.h"

#include <algorithm>

#include "api/objects.h"

namespace bridle::api {

namespace {

constexpr size_t batch = 64;
constexpr size_t most_changes = 2048;  // to catch up with; more: begin anew
constexpr size_t item_overhead = 160;  // of the map, about

std::string prefix_of(std::string_view side, model::Kind kind, std::string_view project) {
  std::string out = "/";
  out.append(side).append("/").append(model::info(kind).singular).append("/");
  return out.append(model::info(kind).has_project ? project : "-").append("/");
}

size_t size_of(const std::string& name, const Shelf::Item& item) {
  size_t size = item_overhead + name.size() + item.text.capacity();
  for (const auto& [key, value] : item.labels) size += item_overhead + key.size() + value.size();
  return size;
}

// The status of a Project is not what is stored.
bool is_kept(model::Kind kind) { return kind != model::Kind::project; }

// The statuses that go with a walk of specs, read in the same order.
class Statuses {
 public:
  // Of names behind `after`.
  Statuses(store::Store& store, std::string prefix, std::string_view after)
      : store_(store), prefix_(std::move(prefix)) {
    if (!after.empty()) last_ = prefix_ + std::string(after);
  }

  // Null: there is none. Names are asked for in ascending order.
  Result<const store::Entry*> of(const std::string& name) {
    const std::string wanted = prefix_ + name;
    while (true) {
      while (at_ < read_.entries.size() && read_.entries[at_].key < wanted) ++at_;
      if (at_ < read_.entries.size())
        return read_.entries[at_].key == wanted ? &read_.entries[at_] : nullptr;
      if (!read_.more) return nullptr;
      BRIDLE_TRY(read_, store_.list(prefix_, last_, batch));
      at_ = 0;
      if (!read_.entries.empty()) last_ = read_.entries.back().key;
    }
  }

 private:
  store::Store& store_;
  const std::string prefix_;
  std::string last_;
  store::Listing read_{.entries = {}, .revision = 0, .more = true};
  size_t at_ = 0;
};

Result<Shelf::Item> item_of(model::Kind kind, const store::Entry& entry,
                            const store::Entry* status) {
  auto object = model::decode_spec(kind, entry.value);
  if (!object.ok()) return std::move(object).error().context(entry.key);
  Shelf::Item item{object->metadata.labels, {}};
  if (!is_kept(kind)) return item;
  object->metadata.revision = std::max(entry.modified, status == nullptr ? 0 : status->modified);
  // What is blanked leaves its keys in the status.
  if (kind == model::Kind::secret) {
    if (status != nullptr) {
      BRIDLE_TRY(object->status, model::decode_status(status->value));
    }
    item.text = shown_text(*std::move(object));
    return item;
  }
  auto text =
      shown_text(*std::move(object), status == nullptr ? "" : std::string_view(status->value));
  if (!text.ok()) return std::move(text).error().context(entry.key);
  item.text = *std::move(text);
  return item;
}

struct Read {
  std::vector<std::pair<std::string, Shelf::Item>> items;
  std::string last;  // name
  bool more = false;
};

Result<Read> read_some(store::Store& store, model::Kind kind, std::string_view project,
                       std::string_view after) {
  const std::string prefix = prefix_of("spec", kind, project);
  BRIDLE_TRY(const store::Listing listing,
             store.list(prefix, after.empty() ? "" : prefix + std::string(after), batch));
  Read out;
  out.more = listing.more;
  Statuses statuses(store, prefix_of("status", kind, project), after);
  for (const store::Entry& entry : listing.entries) {
    out.last = entry.key.substr(prefix.size());
    BRIDLE_TRY(const store::Entry* status, statuses.of(out.last));
    BRIDLE_TRY(Shelf::Item item, item_of(kind, entry, status));
    out.items.emplace_back(out.last, std::move(item));
  }
  return out;
}

}  // namespace

void Shelf::note(const store::Change& change) {
  const auto parts = model::parse_key(change.key);
  if (!parts) return;
  const auto found = sections_.find(Id(parts->kind, parts->project));
  if (found == sections_.end()) return;
  Section& section = found->second;
  const auto at = section.items.find(parts->name);
  if (at != section.items.end()) {
    account(section, size_of(at->first, at->second), 0);
    if (!parts->is_status && !change.value) {
      section.items.erase(at);
      return;
    }
    at->second = Item{};
    account(section, 0, size_of(at->first, at->second));
  } else if (!parts->is_status && change.value &&
             (section.whole || parts->name <= section.filled)) {
    const auto made = section.items.emplace(parts->name, Item{}).first;
    account(section, 0, size_of(made->first, made->second));
  }
}

void Shelf::account(Section& section, size_t before, size_t now) {
  section.bytes += now - before;
  bytes_ += now - before;
}

Status Shelf::follow(store::Store& store) {
  const Revision now = store.revision();
  if (at_ == now) return {};
  const Revision since = std::exchange(at_, now);
  if (sections_.empty()) return {};
  auto changes = store.changes("/", since, most_changes);
  const bool all = changes.ok() && changes->size() < most_changes;
  if (!all) {
    sections_.clear();
    bytes_ = 0;
    if (changes.ok() || changes.error().code() == Code::gone) return {};
    return std::move(changes).error();
  }
  for (const store::Change& change : *changes) note(change);
  return {};
}

// True: there is room for so much more.
bool Shelf::make_room(size_t bytes, const Section& keep) {
  while (bytes_ + bytes > most_bytes_) {
    auto oldest = sections_.end();
    for (auto at = sections_.begin(); at != sections_.end(); ++at)
      if (&at->second != &keep &&
          (oldest == sections_.end() || at->second.used < oldest->second.used))
        oldest = at;
    if (oldest == sections_.end()) return false;
    bytes_ -= oldest->second.bytes;
    sections_.erase(oldest);
  }
  return true;
}

// False: nothing more finds room.
Result<bool> Shelf::fill(store::Store& store, const Id& id, Section& section) {
  BRIDLE_TRY(Read read, read_some(store, id.first, id.second, section.filled));
  size_t size = 0;
  for (const auto& [name, item] : read.items) size += size_of(name, item);
  if (!make_room(size, section)) return false;
  for (auto& [name, item] : read.items)
    section.items.emplace_hint(section.items.end(), std::move(name), std::move(item));
  account(section, 0, size);
  if (!read.last.empty()) section.filled = std::move(read.last);
  section.whole = !read.more;
  return true;
}

// One whose text is not known is read. It is there: the walk has caught up with the store.
Result<bool> Shelf::show(store::Store& store, const Id& id, Section& section,
                         const std::string& name, Item& item, const Visit& visit) {
  if (!item.text.empty()) return visit(name, item);
  BRIDLE_TRY(Stored stored, read_object(store, id.first, id.second, name));
  Item read{stored.object.metadata.labels, shown_text(std::move(stored.object))};
  if (!is_kept(id.first)) return visit(name, read);
  const size_t before = size_of(name, item), now = size_of(name, read);
  if (!make_room(now - before, section)) return visit(name, read);
  item = std::move(read);
  account(section, before, now);
  return visit(name, item);
}

Result<bool> Shelf::walk_store(store::Store& store, const Id& id, std::string after,
                               const Visit& visit) {
  for (bool more = true; more;) {
    BRIDLE_TRY(Read read, read_some(store, id.first, id.second, after));
    Section none;
    for (auto& [name, item] : read.items) {
      BRIDLE_TRY(const bool go_on, show(store, id, none, name, item, visit));
      if (!go_on) return false;
    }
    more = read.more;
    after = std::move(read.last);
  }
  return true;
}

Result<bool> Shelf::walk(store::Store& store, model::Kind kind, std::string_view project,
                         std::string_view after, const Visit& visit) {
  BRIDLE_CHECK(follow(store));
  const Id id(kind, project);
  Section& section = sections_[id];
  if (!make_room(0, section)) {  // changes have made it too large
    account(section, section.bytes, 0);
    section = Section{};
  }
  section.used = ++clock_;
  section.asked = true;
  auto whole = walk_section(store, id, section, std::string(after), visit);
  if (section.items.empty()) sections_.erase(id);
  return whole;
}

Result<bool> Shelf::walk_section(store::Store& store, const Id& id, Section& section,
                                 std::string last, const Visit& visit) {
  while (true) {
    if (!section.whole && last > section.filled) return walk_store(store, id, last, visit);
    for (auto at = section.items.upper_bound(last); at != section.items.end(); ++at) {
      BRIDLE_TRY(const bool go_on, show(store, id, section, at->first, at->second, visit));
      if (!go_on) return false;
      last = at->first;
    }
    if (section.whole) return true;
    last = std::max(last, section.filled);
    BRIDLE_TRY(const bool room, fill(store, id, section));
    if (!room) return walk_store(store, id, last, visit);
  }
}

void Shelf::tidy() {
  for (auto at = sections_.begin(); at != sections_.end();) {
    Section& section = at->second;
    if (std::exchange(section.asked, false)) {
      ++at;
      continue;
    }
    bytes_ -= section.bytes;
    at = sections_.erase(at);
  }
}

}  // namespace bridle::api
