// Shelf: objects as people are shown them, kept as text, so that a list of thousands does not read,
// decode and encode each of them anew.
//
// How it works. The objects of one kind in one project are a section. Whoever walks over a section
// fills it, from its first name on; from then on it follows the store: a change makes the shelf
// forget that object's text, and the next walk that comes by reads it again. A walk that begins
// behind what is filled reads the store and leaves the shelf alone. What is on the shelf is what
// the store has at its revision of now, always: walk() catches up before anything else.
//
// Who may see what is not in here: callers ask for sections that they see. Secrets are blanked
// before they come here. The status of a Project is counted anew at each walk.
//
// Bounded: over most_bytes, sections go that were not asked for the longest; one that is larger by
// itself is kept in part. A section that nobody asked for in a while goes too (tidy()).
//
// Thread class: the loop's thread. Errors: the store's; Code::corrupt names the key.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "model/object.h"
#include "store/store.h"

namespace bridle::api {

class Shelf {
 public:
  struct Item {
    std::map<std::string, std::string> labels;
    std::string text;  // JSON; empty: to be read again
  };
  // False: enough.
  using Visit = std::function<bool(const std::string& name, const Item& item)>;

  explicit Shelf(size_t most_bytes = size_t{48} << 20) : most_bytes_(most_bytes) {}

  // The objects of this kind in this project (empty where the kind has none) whose names come after
  // `after`, in order. The visitor changes nothing. False: the visitor had enough.
  Result<bool> walk(store::Store& store, model::Kind kind, std::string_view project,
                    std::string_view after, const Visit& visit);
  // Forgets what nobody asked for since this was called last.
  void tidy();
  size_t bytes() const { return bytes_; }

 private:
  struct Section {
    std::map<std::string, Item, std::less<>> items;  // all up to `filled`
    std::string filled;                              // the last name that was read
    bool whole = false;                              // there are none behind it
    bool asked = true;                               // since tidy()
    uint64_t used = 0;
    size_t bytes = 0;
  };
  using Id = std::pair<model::Kind, std::string>;  // and project

  Status follow(store::Store& store);
  void note(const store::Change& change);
  Result<bool> fill(store::Store& store, const Id& id, Section& section);
  bool make_room(size_t bytes, const Section& keep);
  void account(Section& section, size_t before, size_t now);
  Result<bool> walk_section(store::Store& store, const Id& id, Section& section, std::string last,
                            const Visit& visit);
  Result<bool> walk_store(store::Store& store, const Id& id, std::string after, const Visit& visit);
  Result<bool> show(store::Store& store, const Id& id, Section& section, const std::string& name,
                    Item& item, const Visit& visit);

  const size_t most_bytes_;
  size_t bytes_ = 0;
  uint64_t clock_ = 0;
  Revision at_ = 0;  // the store's, that the sections are of
  std::map<Id, Section> sections_;
};

}  // namespace bridle::api
