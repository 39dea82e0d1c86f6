// ImageLoop: an Image's status, its deletion (refused by the API while something uses it; one that
// slips through waits here), and the collection of parts that nothing refers to any more.
//
// Collection is by what is kept: every digest in an image's status or behind a volume. It runs
// after bridled's start, a build and a deletion, and never beside a build or the making of a
// volume.
//
// Thread class: the controller's.
#pragma once

#include <map>
#include <set>
#include <string>

#include "fleet/context.h"
#include "fleet/intents.h"
#include "fleet/journal.h"
#include "fleet/objects.h"
#include "fleet/timers.h"
#include "fleet/volume_loop.h"
#include "fleet/writer.h"

namespace bridle::fleet {

constexpr std::string_view image_finalizer = "bridle/parts";
constexpr const char* collect_owner = "~collect";

class ImageLoop {
 public:
  ImageLoop(Context& context, Objects& objects, Writer& writer, Intents& intents, Timers& timers,
            Journal& journal, VolumeLoop& volumes)
      : context_(context),
        objects_(objects),
        writer_(writer),
        intents_(intents),
        timers_(timers),
        journal_(journal),
        volumes_(volumes) {}

  void look(const std::string& ref);
  void wake();
  void want_collect();
  void collect();  // the owner collect_owner was touched
  void on(const PartsCollected& collected);

  // For the operation loop. False: something stands in the way now; it is touched when it may.
  bool may_build(const std::string& ref, const std::string& operation);
  void build_begins(const std::string& ref, const std::string& operation);
  void build_ended(const std::string& ref, const Result<model::ImageStatus>& result);
  bool idle() const { return collecting_ == 0 && builds_.empty() && !wanted_; }

 private:
  void remove(Row& row);
  std::set<std::string> kept() const;
  bool all_stored() const;
  void say(Row& row, std::string_view phase, std::string message, bool urgent = false);

  Context& context_;
  Objects& objects_;
  Writer& writer_;
  Intents& intents_;
  Timers& timers_;
  Journal& journal_;
  VolumeLoop& volumes_;
  std::map<std::string, Intents::Id> deletions_;
  std::map<std::string, std::string> builds_;  // image -> operation
  std::set<std::string> waiting_;              // images and operations
  Intents::Id collect_intent_ = 0;
  Token collecting_ = 0;
  bool wanted_ = false;
};

}  // namespace bridle::fleet
