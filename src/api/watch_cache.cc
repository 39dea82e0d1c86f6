#include "api/watch_cache.h"

#include "api/objects.h"

namespace bridle::api {

namespace {

constexpr size_t most_changes = 16, most_bytes = 4 << 20;

}  // namespace

void WatchCache::follow(Revision now) {
  if (now == at_ && bytes_ <= most_bytes && changes_.size() <= most_changes) return;
  at_ = now;
  bytes_ = 0;
  changes_.clear();
  objects_.clear();
}

Result<WatchCache::Changes> WatchCache::changes(store::Store& store, Revision since, size_t limit) {
  follow(store.revision());
  const auto known = changes_.find({since, limit});
  if (known != changes_.end()) return known->second;
  BRIDLE_TRY(auto changes, store.changes("/", since, limit));
  auto made = std::make_shared<const std::vector<store::Change>>(std::move(changes));
  changes_.emplace(std::pair(since, limit), made);
  return made;
}

Result<WatchCache::Object> WatchCache::object(store::Store& store, const model::KeyParts& key) {
  follow(store.revision());
  const std::string ref = model::ref(key.kind, key.project, key.name);
  const auto known = objects_.find(ref);
  if (known != objects_.end()) return known->second;
  BRIDLE_TRY(auto stored, find_object(store, key.kind, key.project, key.name));
  Object made;
  if (stored) {
    model::Metadata metadata = stored->object.metadata;
    std::string text = shown_text(std::move(stored->object));
    bytes_ += text.size();
    made = std::make_shared<const Seen>(Seen{std::move(metadata), std::move(text)});
  }
  objects_.emplace(ref, made);
  return made;
}

}  // namespace bridle::api
