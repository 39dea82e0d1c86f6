// Objects: the controller's copy of the store, one Row an object, by reference ("machine/lab/web").
//
// The spec half of a row is what the store said last. The status half is the controller's own: it
// is the only writer, so what it decided last is the truth, and the store follows (fleet/writer.h).
// At StoreLoaded of a fresh controller the status comes from the store.
//
// touched() collects the references that changed since it was last taken; the loops look at those.
// Secrets are here too: never print a row.
//
// Thread class: the controller's.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/object.h"
#include "store/store.h"

namespace bridle::fleet {

struct Row {
  enum class SpecWrite { none, put, remove };

  std::string ref;
  model::Object object;
  Revision spec_revision = 0;  // of the keys in the store; 0: absent
  Revision status_revision = 0;
  std::string status_text;  // the stored status

  // The writer's: what is to be written.
  bool status_dirty = false;
  bool urgent = false;  // before anything goes on
  SpecWrite spec_write = SpecWrite::none;
  bool in_flight = false;
  bool urgent_in_flight = false;
  bool waits = false;  // lost a race; goes on when the store tells what won

  bool deleting() const { return object.metadata.deleting.has_value(); }
  bool has_finalizer(std::string_view finalizer) const;
};

class Objects {
 public:
  const Row* find(std::string_view ref) const;
  Row* find(std::string_view ref);
  const Row* find(model::Kind kind, std::string_view project, std::string_view name) const;
  const Row* machine(const Uuid& uuid) const;
  Row* machine(const Uuid& uuid);
  // In order of reference.
  void each(model::Kind kind, const std::function<void(const Row&)>& visit) const;
  void each(model::Kind kind, const std::function<void(Row&)>& visit);

  // Rows that are not in the listing, or belong to an object made anew under the same name, go. The
  // loops look before load() puts what is there now.
  void drop_missing(Revision revision, const std::vector<store::Entry>& entries);
  // The first load takes statuses from the store, later ones only specs and revisions.
  void load(const std::vector<store::Entry>& entries);
  void apply(const store::Change& change);
  bool loaded() const { return loaded_; }
  void erase(const std::string& ref);

  void touch(const std::string& ref) { touched_.insert(ref); }
  std::set<std::string> take_touched() { return std::exchange(touched_, {}); }
  bool any_touched() const { return !touched_.empty(); }

  // Keys of kinds that are not cached (events), as they come.
  std::function<void(const std::string& key, bool present)> on_event_key;

 private:
  void put_spec(const model::KeyParts& key, std::string_view value, Revision revision);
  void put_status(const model::KeyParts& key, std::string_view value, Revision revision);
  void take(const std::string& key, const std::string* value, Revision revision);
  Row& row(const model::KeyParts& key);

  std::map<std::string, Row, std::less<>> rows_;
  std::map<Uuid, std::string> machines_;
  std::set<std::string> touched_;
  bool loaded_ = false;
  bool adopting_ = false;  // the first load runs: statuses count
};

}  // namespace bridle::fleet
