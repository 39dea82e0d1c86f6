// WatchCache: what a thousand watches ask of the store after one change, asked once: the changes
// after a revision, and objects as people are shown them. Right for one revision of the store, and
// forgotten at the next; who may see what is not in here, each watch judges that for itself.
//
// Thread class: the loop's thread. Errors: the store's; Code::corrupt.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/object.h"
#include "store/store.h"

namespace bridle::api {

class WatchCache {
 public:
  using Changes = std::shared_ptr<const std::vector<store::Change>>;
  struct Seen {
    model::Metadata metadata;
    std::string text;  // JSON
  };
  using Object = std::shared_ptr<const Seen>;

  // Of all keys, at most `limit`.
  Result<Changes> changes(store::Store& store, Revision since, size_t limit);
  // Null: it is not there.
  Result<Object> object(store::Store& store, const model::KeyParts& key);

 private:
  void follow(Revision now);

  Revision at_ = 0;
  size_t bytes_ = 0;  // of texts
  std::map<std::pair<Revision, size_t>, Changes> changes_;
  std::map<std::string, Object> objects_;
};

}  // namespace bridle::api
