// diff(): what differs between two JSON values, place by place.
//
// Objects are compared key by key, lists item by item (their order counts). A subtree that is on
// one side only is one change. Numbers are compared by value.
//
// Never give it an unredacted Secret. Thread class: pure functions.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace bridle::model {

struct Change {
  std::string path;                          // path.h; empty: the whole value
  std::optional<boost::json::value> before;  // empty: added
  std::optional<boost::json::value> after;   // empty: removed
};

// In the order of `after`'s keys, what was removed last. Depth is bounded by that of the values.
std::vector<Change> diff(const boost::json::value& before, const boost::json::value& after);

// For people: "- path: before" and "+ path: after"; subtrees as YAML below. Empty: no change.
// colour: red and green by terminal escapes.
std::string render(const std::vector<Change>& changes, bool colour = false);

}  // namespace bridle::model
