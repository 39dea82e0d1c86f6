#include "image/build_plan.h"

#include <sys/wait.h>

#include "image/build.h"

namespace bridle::image {
BuildPlan::BuildPlan(const Layout& layout, std::string recipe, const Uuid& id, bool fresh)
    : root_(layout.root()),
      manifest_path_(kept_manifest(layout, recipe)),
      recipe_(std::move(recipe)),
      id_(id),
      fresh_(fresh) {}

BuildActions BuildPlan::start() { return enter(State::fetching); }

RunHelper BuildPlan::helper(State state) const {
  switch (state) {
    case State::fetching:
      return {jail::HelperKind::fetch, {"fetch", "--root", root_, "--recipe", recipe_}};
    case State::comparing:
      return {jail::HelperKind::store, {"current", "--root", root_, "--recipe", recipe_}};
    case State::building:
      return {jail::HelperKind::build,
              {"build", "--root", root_, "--recipe", recipe_, "--id", id_.text()}};
    case State::storing:
      return {jail::HelperKind::store, {"store", "--root", root_, "--id", id_.text()}};
    default:
      return {jail::HelperKind::build, {"discard", "--root", root_, "--id", id_.text()}};
  }
}

BuildActions BuildPlan::enter(State state) {
  state_ = state;
  said_.reset();
  built_ = built_ || state == State::building;
  return {helper(state)};
}

std::optional<BuildPlan::Share> BuildPlan::share_of() const {
  if (state_ == State::fetching) return Share{0, 40};
  if (state_ == State::building) return Share{40, 95};
  if (state_ == State::storing) return Share{95, 99};
  return {};
}

BuildActions BuildPlan::helper_line(std::string_view line) {
  const auto parsed = parse_helper_line(line);
  if (!parsed) return {};
  if (parsed->error) {
    said_ = parsed->error;
    return {};
  }
  const auto share = share_of();
  if (!share) return {};
  return {ShowProgress{share->begin + (share->end - share->begin) * *parsed->percent / 100,
                       parsed->text}};
}

BuildActions BuildPlan::helper_exited(int wait_status) {
  if (state_ == State::idle || state_ == State::reading || state_ == State::done) return {};
  if (state_ == State::discarding) return finish();
  if (cancelled_) return fail(Error(Code::gone, "the build was cancelled"));
  const bool success = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
  if (state_ == State::comparing && !success) return enter(State::building);
  if (success) return next();
  if (said_) return fail(*said_);
  return fail(ended_without_reason(wait_status));
}

BuildActions BuildPlan::next() {
  if (state_ == State::fetching) return enter(fresh_ ? State::building : State::comparing);
  if (state_ == State::building) return enter(State::storing);
  state_ = State::reading;
  return {ReadManifest{manifest_path_}};
}

BuildActions BuildPlan::manifest_read(Result<std::string> text) {
  if (state_ != State::reading) return {};
  if (!text.ok()) return fail(std::move(text).error());
  auto manifest = decode_manifest(*text);
  if (!manifest.ok()) return fail(std::move(manifest).error());
  if (manifest->recipe != recipe_)
    return fail(Error(Code::corrupt, "manifest: it is of recipe " + manifest->recipe));
  manifest_ = *std::move(manifest);
  manifest_->reused = !built_;
  return built_ ? enter(State::discarding) : finish();
}

BuildActions BuildPlan::fail(Error error) {
  error_ = std::move(error).context("building " + recipe_);
  if (built_) return enter(State::discarding);
  return finish();
}

BuildActions BuildPlan::finish() {
  state_ = State::done;
  return {Finish{error_, manifest_}};
}

}  // namespace bridle::image
