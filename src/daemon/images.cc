#include "daemon/images.h"

#include "base/file.h"
#include "image/take_in.h"

namespace bridle::daemon {
Images::Images(Loop& loop, Clock& clock, const Layout& layout, Random& random, Runner& runner,
               HelperRuns& helpers)
    : loop_(loop),
      clock_(clock),
      layout_(layout),
      runner_(runner),
      helpers_(helpers),
      imports_({loop, clock, layout, random, helpers, runner}) {
  runner_.handle<fleet::BuildImage>([this](auto& a) { build(a); });
  runner_.handle<fleet::CancelBuild>([this](auto& a) { cancel(a); });
  runner_.handle<fleet::CollectParts>([this](auto& a) { collect(a); });
}

void Images::jail_down() {
  std::map<fleet::Token, Build> builds;
  builds.swap(builds_);
  for (const auto& [token, build] : builds)
    runner_.tell(fleet::BuildEnded{token, Error(Code::unreachable, "bridle-jail ended")});
  imports_.jail_down();
  helpers_.jail_down();
}

void Images::build(fleet::BuildImage& action) {
  if (action.source) return imports_.begin(action);
  const fleet::Token token = action.token;
  Build& build = builds_[token];
  build.plan = std::make_unique<image::BuildPlan>(layout_, action.recipe, action.operation, false);
  carry_out(token, build.plan->start());
}

void Images::cancel(const fleet::CancelBuild& action) {
  const auto found = builds_.find(action.token);
  if (found == builds_.end()) return imports_.cancel(action.token);
  found->second.plan->cancel();
  helpers_.kill(found->second.helper);
}

void Images::carry_out(fleet::Token token, image::BuildActions actions) {
  for (auto& action : actions) carry_out(token, action);
}

void Images::carry_out(fleet::Token token, image::BuildAction& action) {
  const auto found = builds_.find(token);
  if (found == builds_.end()) return;
  Build& build = found->second;
  if (auto* helper = std::get_if<image::RunHelper>(&action)) {
    const auto line = [this, token](const std::string& text) {
      if (const auto b = builds_.find(token); b != builds_.end())
        carry_out(token, b->second.plan->helper_line(text));
    };
    const auto exit = [this, token](int status) {
      if (const auto b = builds_.find(token); b != builds_.end())
        carry_out(token, b->second.plan->helper_exited(status));
    };
    build.helper = helpers_.run(helper->kind, helper->argv, {}, line, exit);
  } else if (auto* progress = std::get_if<image::ShowProgress>(&action)) {
    runner_.tell(fleet::BuildProgress{token, static_cast<unsigned>(progress->percent),
                                      std::move(progress->what)});
  } else if (auto* manifest = std::get_if<image::ReadManifest>(&action)) {
    carry_out(token, build.plan->manifest_read(read_file(manifest->path, image::longest_manifest)));
  } else {
    finish(token, std::get<image::Finish>(action));
  }
}

void Images::finish(fleet::Token token, image::Finish& end) {
  fleet::BuildEnded ended{token, model::ImageStatus{}};
  if (end.error) {
    ended.result = *std::move(end.error);
  } else {
    ended.result = image::ready_status(*end.manifest, clock_.wall());
  }
  // The plan is on the stack.
  const auto node =
      std::make_shared<std::map<fleet::Token, Build>::node_type>(builds_.extract(token));
  loop_.post([node] {});
  runner_.tell(std::move(ended));
}

void Images::collect(fleet::CollectParts& action) {
  const fleet::Token token = action.token;
  auto present = list_folder(layout_.parts());
  if (!present.ok()) return runner_.tell(fleet::PartsCollected{token, uint64_t{0}});
  std::vector<std::string> argv{"collect", "--root", layout_.root(), "--grace", "0"};
  uint64_t count = 0;
  for (const std::string& name : *present) {
    const bool unused = image::is_digest(name) && !action.keep.contains(name);
    if (unused) argv.push_back(name);
    if (unused || image::is_draft(name)) ++count;  // the helper finds drafts by itself
  }
  if (count == 0) return runner_.tell(fleet::PartsCollected{token, uint64_t{0}});
  const auto exit = [this, token, count](int status) {
    fleet::PartsCollected answer{token, count};
    if (status != 0)
      answer.result = Error(Code::internal, "the store helper could not remove unused parts");
    runner_.tell(std::move(answer));
  };
  helpers_.run(
      jail::HelperKind::store, argv, {}, [](const std::string&) {}, exit);
}

}  // namespace bridle::daemon
