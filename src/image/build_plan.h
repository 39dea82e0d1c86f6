// BuildPlan: the course of one image build, as a pure machine: bridled carries out its actions and
// tells it what happened.
//
//   start() -> fetch -> compare -> build -> store -> read manifest -> discard -> done
//                          \ nothing changed ________/
//   a failure ends in done, through discard when the build ran
//
//   state      | helper under way             | share of the progress
//   fetching   | fetch   (HelperKind::fetch)  |  0 .. 40
//   comparing  | current (HelperKind::store)  | not with `fresh`; its failure means: build
//   building   | build   (HelperKind::build)  | 40 .. 95
//   storing    | store   (HelperKind::store)  | 95 .. 99
//   discarding | discard (HelperKind::build)  | the outcome is known already
//
// After a crash of bridled its helpers are gone or unknown to it: the operation begins again at
// start(); every helper may be run twice.
// Thread class: a value; no I/O, no clock.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/layout.h"
#include "image/manifest.h"
#include "image/progress.h"
#include "jail/protocol.h"

namespace bridle::image {

// Actions.
struct RunHelper {
  jail::HelperKind kind;
  std::vector<std::string> argv;  // after argv[0]
};
struct ShowProgress {
  int percent;  // of the whole build
  std::string what;
};
// The store helper is done: read images/manifests/RECIPE.json and hand it to manifest_read().
struct ReadManifest {
  std::string path;
};
struct Finish {
  std::optional<Error> error;        // empty: built
  std::optional<Manifest> manifest;  // of a success
};
using BuildAction = std::variant<RunHelper, ShowProgress, ReadManifest, Finish>;
using BuildActions = std::vector<BuildAction>;

class BuildPlan {
 public:
  // recipe: a name that find_recipe knows.
  BuildPlan(const Layout& layout, std::string recipe, const Uuid& id, bool fresh);

  BuildActions start();
  // A line that the helper wrote.
  BuildActions helper_line(std::string_view line);
  // wait_status as of waitpid(2).
  BuildActions helper_exited(int wait_status);
  BuildActions manifest_read(Result<std::string> text);
  // The operation was cancelled: the caller kills the helper, whose exit ends the plan.
  void cancel() { cancelled_ = true; }
  bool done() const { return state_ == State::done; }

 private:
  enum class State { idle, fetching, comparing, building, storing, reading, discarding, done };

  struct Share {
    int begin, end;  // percent of the whole build
  };

  BuildActions enter(State state);
  BuildActions next();
  std::optional<Share> share_of() const;
  BuildActions fail(Error error);
  BuildActions finish();
  RunHelper helper(State state) const;

  std::string root_, manifest_path_, recipe_;
  Uuid id_;
  bool fresh_;
  bool cancelled_ = false;
  State state_ = State::idle;
  bool built_ = false;                 // incoming/ID may exist
  std::optional<Error> said_, error_;  // by the helper; of the build
  std::optional<Manifest> manifest_;
};

}  // namespace bridle::image
