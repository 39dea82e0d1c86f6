#include "fleet/image_loop.h"

#include "fleet/references.h"

namespace bridle::fleet {
namespace {

bool usable(const model::ImageStatus& status) {
  return !status.kernel.digest.empty() || !status.disk.digest.empty();
}

}  // namespace

void ImageLoop::look(const std::string& ref) {
  Row* row = objects_.find(ref);
  if (row == nullptr) {
    timers_.want(ref, std::nullopt);
    waiting_.erase(ref);
    auto deletion = deletions_.find(ref);
    if (deletion == deletions_.end()) return;
    intents_.close(deletion->second, true, "deleted");
    deletions_.erase(deletion);
    return want_collect();
  }
  waiting_.erase(ref);
  if (Writer::pending(*row)) return;
  if (row->has_finalizer(image_finalizer)) {
    Result<model::ImageStatus> status = model::image_status(row->object.status);
    if (!status.ok() || status->phase.empty()) say(*row, "pending", "not built yet");
    // Left by an earlier life of bridled; its operation begins again or is cancelled.
    if (status.ok() && status->phase == "building" && !builds_.contains(ref))
      say(*row, usable(*status) ? "ready" : "pending", "the last build was interrupted");
    if (row->deleting()) remove(*row);
    return;
  }
  if (row->deleting()) {
    if (row->object.metadata.finalizers.empty()) writer_.remove(*row);
    return;
  }
  row->object.metadata.finalizers.emplace_back(image_finalizer);
  writer_.put_spec(*row);
  if (row->object.status.empty())
    say(*row, "pending", "not built yet; bridle image build " + row->object.metadata.name);
}

void ImageLoop::remove(Row& row) {
  Status unused = check_delete(objects_, row.object);
  if (!unused.ok() || builds_.contains(row.ref)) {
    waiting_.insert(row.ref);
    // Something began to use it while the ledger was asked: nothing is deleted for now.
    if (const auto deletion = deletions_.find(row.ref); deletion != deletions_.end()) {
      intents_.close(deletion->second, false, "it is in use again");
      deletions_.erase(deletion);
    }
    // The operation sees that its image is unwanted, and ends the build.
    if (const auto build = builds_.find(row.ref); build != builds_.end())
      objects_.touch(build->second);
    Result<model::ImageStatus> status = model::image_status(row.object.status);
    return say(row, status.ok() ? status->phase : "pending",
               "its deletion waits: " + (unused.ok() ? std::string("its build is being cancelled")
                                                     : unused.error().message()));
  }
  Intents::Id& intent = deletions_[row.ref];
  if (intents_.failed(intent)) {
    intent = 0;
    return timers_.want(row.ref, context_.now + context_.options.retry);
  }
  if (intent == 0) intent = intents_.open(row.ref, "delete", row.ref, "");
  if (!intents_.seq(intent)) return;
  std::erase(row.object.metadata.finalizers, image_finalizer);
  if (row.object.metadata.finalizers.empty())
    writer_.remove(row);
  else
    writer_.put_spec(row);
}

void ImageLoop::say(Row& row, std::string_view phase, std::string message, bool urgent) {
  Result<model::ImageStatus> status = model::image_status(row.object.status);
  model::ImageStatus next = status.ok() ? std::move(*status) : model::ImageStatus{};
  next.phase = phase;
  next.message = std::move(message);
  writer_.status(row, model::to_json(next), urgent);
}

void ImageLoop::wake() {
  for (const std::string& ref : waiting_) objects_.touch(ref);
  if (wanted_) objects_.touch(collect_owner);
}

void ImageLoop::want_collect() {
  wanted_ = true;
  objects_.touch(collect_owner);
}

std::set<std::string> ImageLoop::kept() const {
  std::set<std::string> keep;
  const Objects& objects = objects_;
  objects.each(model::Kind::image, [&](const Row& row) {
    Result<model::ImageStatus> status = model::image_status(row.object.status);
    if (status.ok())
      for (const model::Part* part : {&status->kernel, &status->initrd, &status->disk})
        keep.insert(part->digest);
  });
  objects.each(model::Kind::volume, [&](const Row& row) {
    Result<model::VolumeStatus> status = model::volume_status(row.object.status);
    if (status.ok()) keep.insert(status->backing);
  });
  keep.erase("");
  return keep;
}

// What refers to parts is as durable as the removal will be: else a crash brings back an older
// status whose parts are gone.
bool ImageLoop::all_stored() const {
  bool stored = true;
  const Objects& objects = objects_;
  for (model::Kind kind : {model::Kind::image, model::Kind::volume})
    objects.each(kind, [&](const Row& row) { stored &= !Writer::pending(row); });
  return stored;
}

void ImageLoop::collect() {
  if (!wanted_ || collecting_ != 0) return;
  if (!builds_.empty() || volumes_.creating() || !all_stored()) return;
  if (intents_.failed(collect_intent_)) {
    collect_intent_ = 0;
    return timers_.want(collect_owner, context_.now + context_.options.retry);
  }
  if (collect_intent_ == 0)
    collect_intent_ = intents_.open(collect_owner, "collect", "image", "unreferenced parts");
  if (!intents_.seq(collect_intent_)) return;
  wanted_ = false;
  collecting_ = context_.token();
  volumes_.hold(true);
  context_.act(CollectParts{collecting_, *intents_.seq(collect_intent_), kept()});
}

void ImageLoop::on(const PartsCollected& collected) {
  if (collected.token != collecting_ || collecting_ == 0) return;
  collecting_ = 0;
  volumes_.hold(false);
  intents_.close(collect_intent_, collected.result.ok(),
                 collected.result.ok() ? std::to_string(*collected.result) + " removed"
                                       : collected.result.error().message());
  if (!collected.result.ok()) {
    wanted_ = true;
    timers_.want(collect_owner, context_.now + std::chrono::seconds(30));
  }
  for (const std::string& ref : waiting_) objects_.touch(ref);
}

bool ImageLoop::may_build(const std::string& ref, const std::string& operation) {
  auto other = builds_.find(ref);
  bool free = collecting_ == 0 && collect_intent_ == 0 && other == builds_.end();
  if (!free) waiting_.insert(operation);
  return free;
}

void ImageLoop::build_begins(const std::string& ref, const std::string& operation) {
  builds_[ref] = operation;
  if (Row* row = objects_.find(ref)) say(*row, "building", operation);
}

void ImageLoop::build_ended(const std::string& ref, const Result<model::ImageStatus>& result) {
  builds_.erase(ref);
  for (const std::string& waits : std::exchange(waiting_, {})) objects_.touch(waits);
  Row* row = objects_.find(ref);
  want_collect();
  if (row == nullptr) return;
  objects_.touch(ref);
  if (result.ok()) {
    model::ImageStatus status = *result;
    status.phase = "ready";
    status.message.clear();
    if (!status.built) status.built = context_.wall;
    writer_.status(*row, model::to_json(status), true);
    journal_.say(row->object, Journal::Level::info, "ImageReady", "the image is built");
    return;
  }
  Result<model::ImageStatus> before = model::image_status(row->object.status);
  bool still = before.ok() && usable(*before);
  say(*row, still ? "ready" : "failed", "the last build failed: " + result.error().message());
  journal_.say(row->object, Journal::Level::error, "BuildFailed", result.error().message());
}

}  // namespace bridle::fleet
