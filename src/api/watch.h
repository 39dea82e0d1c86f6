// Watcher: the changes of objects as server-sent events, from a revision of the store on.
//
// It pulls: the session asks for bytes when its socket can take some, and the watcher reads the
// store's history from its cursor. So a slow client costs no memory; it falls behind until history
// is compacted away, or its socket takes nothing for the write timeout and is cut.
//
//   event: put       data: the object as it is now       id: revision
//   event: delete    data: kind and metadata of what went
//   event: bookmark  data: {}   nothing that concerns you happened up to this id
//   event: gone      data: {"oldest":N}   history from your cursor on is compacted: list again;
//   ends event: resume    data: {}   the server ends the stream: connect again with this id; ends
//   : heartbeat      a comment after 15 s of silence
//
// Several changes of one object within a batch are one event. An id is given only where every
// change up to it has been sent, so that Last-Event-ID loses nothing, also in the middle of a
// transaction. What the caller may see is judged anew at every pull; who lost every role is ended.
//
// Thread class: the loop's thread. A watcher holds its Api.
#pragma once

#include <map>
#include <set>
#include <string>

#include "api/api.h"
#include "api/message.h"
#include "api/objects.h"
#include "api/watch_cache.h"

namespace bridle::api {

struct WatchFilter {
  std::set<model::Kind> kinds;  // empty: all
  std::string project;          // empty: all
  std::string name;             // empty: all
  Selector selector;            // puts only: a delete no longer knows its labels
};

class Watcher final : public EventSource {
 public:
  Watcher(Api& api, Caller caller, WatchFilter filter, Revision since);

  std::string pull(size_t room) override;
  std::string heartbeat() override;
  std::string farewell() override;
  bool ended() const override { return ended_; }
  bool behind() const override;

 private:
  struct Touched {
    model::KeyParts key;
    Revision revision = 0;
    bool removed = false;  // its spec went, in the last change seen
  };

  Result<WatchCache::Changes> whole_revisions();
  std::vector<Touched> concerning(const std::vector<store::Change>& changes,
                                  const Access& access) const;
  bool wants(const model::KeyParts& key, const Access& access) const;
  // The event's text without its id; empty: nothing to tell.
  Result<std::string> event_of(const Touched& touched);
  std::string end(std::string_view event, const json::object& data);
  std::string end_gone();

  Api& api_;
  const Caller caller_;
  const WatchFilter filter_;
  Revision cursor_;  // everything up to here was looked at
  Revision told_;    // the last id that was sent
  bool ended_ = false;
};

}  // namespace bridle::api
