// Images: the hands for BuildImage, CancelBuild and CollectParts: runs image helpers through the
// jail, one after another as image::BuildPlan says, and reads what they write.
//
// Thread class: the loop's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/layout.h"
#include "base/random.h"
#include "daemon/jail_link.h"
#include "daemon/loop.h"
#include "daemon/runner.h"
#include "image/build_plan.h"
#include "wire/json_lines.h"

namespace bridle::daemon {

class Images {
 public:
  Images(Loop& loop, Clock& clock, const Layout& layout, Random& random, Runner& runner,
         JailLink& jail);

  // A helper of ours has this uuid.
  bool runs(const Uuid& uuid) const { return helpers_.contains(uuid); }
  void exited(const jail::Answer& answer);
  void jail_down();  // every helper is gone, every build has ended

 private:
  using OnLine = std::function<void(const std::string&)>;
  using OnExit = std::function<void(int wait_status)>;
  struct Helper {
    Fd output;
    std::unique_ptr<Handle> readable;
    wire::LineBuffer lines{64 << 10};
    OnLine line;
    OnExit exit;
  };

  void build(fleet::BuildImage& action);
  void cancel(const fleet::CancelBuild& action);
  void carry_out(fleet::Token token, image::BuildActions actions);
  void carry_out(fleet::Token token, image::BuildAction& action);
  void collect(fleet::CollectParts& action);

  void finish(fleet::Token token, image::Finish& end);

  // The helper's uuid. `exit` comes once, later, unless the jail goes down first.
  Uuid run(jail::HelperKind kind, const std::vector<std::string>& argv, OnLine line, OnExit exit);
  bool read_output(const Uuid& uuid);  // true: there may be more

  struct Build {
    std::unique_ptr<image::BuildPlan> plan;
    Uuid helper;  // under way
  };

  Loop& loop_;
  Clock& clock_;
  const Layout& layout_;
  Random& random_;
  Runner& runner_;
  JailLink& jail_;
  std::map<fleet::Token, Build> builds_;
  std::map<Uuid, Helper> helpers_;
};

}  // namespace bridle::daemon
