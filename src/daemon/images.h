// Images: the hands for BuildImage, CancelBuild and CollectParts: runs image helpers one after
// another, as image::BuildPlan says; imports.h has those of imported images.
//
// Thread class: the loop's thread.
#pragma once

#include <map>
#include <memory>

#include "base/layout.h"
#include "base/random.h"
#include "daemon/helper_runs.h"
#include "daemon/imports.h"
#include "daemon/loop.h"
#include "daemon/runner.h"
#include "image/build_plan.h"

namespace bridle::daemon {

class Images {
 public:
  Images(Loop& loop, Clock& clock, const Layout& layout, Random& random, Runner& runner,
         HelperRuns& helpers);

  void jail_down();  // every helper is gone, every build has ended
  Imports& imports() { return imports_; }

 private:
  void build(fleet::BuildImage& action);
  void cancel(const fleet::CancelBuild& action);
  void carry_out(fleet::Token token, image::BuildActions actions);
  void carry_out(fleet::Token token, image::BuildAction& action);
  void collect(fleet::CollectParts& action);

  void finish(fleet::Token token, image::Finish& end);

  struct Build {
    std::unique_ptr<image::BuildPlan> plan;
    Uuid helper;  // under way
  };

  Loop& loop_;
  Clock& clock_;
  const Layout& layout_;
  Runner& runner_;
  HelperRuns& helpers_;
  Imports imports_;
  std::map<fleet::Token, Build> builds_;
};

}  // namespace bridle::daemon
