// Paths: how errors, diffs and source maps name a place in a document: "spec.disks[1].volume".
// Keys that hold more than letters, digits, '_', '-' and '/' are quoted: metadata.labels["a.b"].
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bridle::model {

std::string path_to_key(std::string_view parent, std::string_view key);
std::string path_to_index(std::string_view parent, size_t index);
// Without its last step: "spec.disks[1].volume" gives "spec.disks[1]", that gives "spec.disks".
// Empty when nothing is left.
std::string_view path_parent(std::string_view path);

// The candidate that is at most a third of its letters away from word (edit distance, swaps of
// neighbours count once); empty: none is near. Case does not count.
template <typename Range>
std::string_view nearest(std::string_view word, const Range& candidates);

size_t edit_distance(std::string_view a, std::string_view b);

template <typename Range>
std::string_view nearest(std::string_view word, const Range& candidates) {
  if (word.size() > 64) return {};
  std::string_view best;
  size_t best_distance = 1 + (word.size() + 2) / 3;
  for (const std::string_view candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance >= best_distance || distance >= candidate.size()) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

}  // namespace bridle::model
