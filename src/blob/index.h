// Index: which parts are referred to by which objects, and which may be collected.
//
// References come from objects (an image's parts, a volume's backing) and are given as a whole set
// for an object, replacing what it referred to before. A part that loses its last reference is
// collected only after a grace, for an operation that is under way may be about to refer to it.
// The time is an argument: nothing here reads a clock.
// Thread class: a value.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"

namespace bridle::blob {

class Index {
 public:
  explicit Index(Duration grace) : grace_(grace) {}

  // `owner` (an object's ref, "image/lab/tiny") now refers to exactly these; empty digests are
  // skipped, an empty set forgets the owner.
  void set_references(const std::string& owner, const std::vector<std::string>& digests, Tick now);
  // A part exists in the store; one without references starts its grace now.
  void found(const std::string& digest, Tick now);
  void removed(const std::string& digest) { unreferenced_.erase(digest); }

  size_t references(const std::string& digest) const;
  std::vector<std::string> owners(const std::string& digest) const;
  // Parts without a reference since `grace` or longer.
  std::vector<std::string> collectable(Tick now) const;

 private:
  void drop(const std::string& owner, const std::string& digest, Tick now);

  Duration grace_;
  std::map<std::string, std::set<std::string>> owners_;      // digest -> owners
  std::map<std::string, std::set<std::string>> references_;  // owner -> digests
  std::map<std::string, Tick> unreferenced_;                 // digest -> since
};

}  // namespace bridle::blob
