#include "fleet/volume_loop.h"

#include "fleet/references.h"

namespace bridle::fleet {

void VolumeLoop::look(const std::string& ref) {
  Row* row = objects_.find(ref);
  if (row == nullptr) return forget(ref);
  waiting_.erase(ref);
  Work& work = works_[ref];
  if (Writer::pending(*row)) return;
  if (!row->has_finalizer(volume_finalizer)) {
    if (row->deleting()) {
      if (row->object.metadata.finalizers.empty()) writer_.remove(*row);
      return;
    }
    row->object.metadata.finalizers.emplace_back(volume_finalizer);
    writer_.put_spec(*row);
    return say(*row, "pending", "", true);
  }
  if (work.asked != 0) return;
  if (work.retry_at && *work.retry_at > context_.now) return timers_.want(ref, work.retry_at);
  work.retry_at.reset();
  timers_.want(ref, std::nullopt);
  if (row->deleting()) return remove(*row, work);
  Result<model::VolumeStatus> status = model::volume_status(row->object.status);
  if (!status.ok() || status->phase != "ready") return create(*row, work);
  resize(*row, work, *status);
}

void VolumeLoop::forget(const std::string& ref) {
  waiting_.erase(ref);
  timers_.want(ref, std::nullopt);
  auto found = works_.find(ref);
  if (found == works_.end()) return;
  intents_.close(found->second.intent, true, "done");
  machines_.hold_volume(ref, false);
  asked_.erase(found->second.asked);
  if (found->second.creates) --creating_;
  works_.erase(found);
}

void VolumeLoop::wake() {
  for (const std::string& ref : waiting_) objects_.touch(ref);
}

void VolumeLoop::hold(bool held) {
  held_ = held;
  if (!held) wake();
}

// True: the intent is synced, the act may follow.
bool VolumeLoop::announced(Row& row, Work& work, std::string_view verb) {
  if (intents_.failed(work.intent)) {
    work.intent = 0;
    work.retry_at = context_.now + context_.options.retry;
    timers_.want(row.ref, work.retry_at);
    return false;
  }
  if (work.intent != 0 && work.verb != verb)
    intents_.close(work.intent, false, "not wanted any more");
  work.verb = verb;
  if (work.intent == 0)
    work.intent = intents_.open(row.ref, verb, row.ref, row.object.metadata.uid.text());
  return intents_.seq(work.intent).has_value();
}

void VolumeLoop::create(Row& row, Work& work) {
  const model::Metadata& meta = row.object.metadata;
  Result<model::VolumeSpec> spec = model::volume_spec(row.object.spec);
  if (!spec.ok()) return say(row, "failed", spec.error().message());
  CreateVolume act{0, 0, meta.uid, meta.name, meta.project, *spec, {}};
  if (!spec->image.empty()) {
    const Row* image = find_image(objects_, meta.project, spec->image);
    Result<model::ImageStatus> status = image == nullptr
                                            ? Result<model::ImageStatus>(model::ImageStatus{})
                                            : model::image_status(image->object.status);
    if (!status.ok() || status->disk.digest.empty()) {
      waiting_.insert(row.ref);
      intents_.close(work.intent, false, "its image is not ready");
      return say(row, "pending", "waits for the disk of image " + spec->image);
    }
    act.image = std::move(*status);
  }
  if (held_) {
    waiting_.insert(row.ref);
    return;
  }
  if (!announced(row, work, "create")) return;
  act.intent = *intents_.seq(work.intent);
  act.token = work.asked = context_.token();
  asked_[act.token] = row.ref;
  work.creates = true;
  ++creating_;
  context_.act(std::move(act));
}

// Grown where it is: by the guest that has the volume open, so that it sees the new size at once,
// or else in its file. A volume never shrinks: what lies behind the new end would be lost.
void VolumeLoop::resize(Row& row, Work& work, const model::VolumeStatus& status) {
  const model::Metadata& meta = row.object.metadata;
  Result<model::VolumeSpec> spec = model::volume_spec(row.object.spec);
  if (!spec.ok() || spec->size == 0 || spec->size == status.size) return;
  if (spec->size < status.size) {
    const std::string why = "spec.size is less than the volume's: a volume never shrinks";
    return status.message == why ? void() : say(row, "ready", why);
  }
  const auto user = machines_.open_disk(meta.project, meta.name);
  if (user && !(user->writable && user->reachable)) {
    waiting_.insert(row.ref);
    return intents_.close(work.intent, false, "in use by " + user->guest->ref);
  }
  if (!announced(row, work, "resize")) return;
  const uint64_t intent = *intents_.seq(work.intent);
  work.asked = context_.token();
  work.resizing = spec->size;
  asked_[work.asked] = row.ref;
  if (user)
    return context_.act(ResizeDisk{work.asked, intent, user->guest->uuid, user->guest->boot,
                                   user->index, spec->size});
  machines_.hold_volume(row.ref, true);
  context_.act(ResizeVolume{work.asked, intent, meta.uid, status.path, spec->size});
}

// The API refuses the deletion of a volume that a machine names. One that was marked all the same
// (the two crossed) waits for guests that have it open; others find it missing.
void VolumeLoop::remove(Row& row, Work& work) {
  const model::Metadata& meta = row.object.metadata;
  if (std::string user = machines_.user_of_volume(meta.project, meta.name); !user.empty()) {
    waiting_.insert(row.ref);
    intents_.close(work.intent, false, "in use by " + user);
    Result<model::VolumeStatus> status = model::volume_status(row.object.status);
    return say(row, status.ok() ? status->phase : "pending", "its deletion waits for " + user);
  }
  if (!announced(row, work, "delete")) return;
  if (work.file_gone) {
    std::erase(row.object.metadata.finalizers, volume_finalizer);
    return row.object.metadata.finalizers.empty() ? writer_.remove(row) : writer_.put_spec(row);
  }
  Result<model::VolumeStatus> status = model::volume_status(row.object.status);
  work.asked = context_.token();
  asked_[work.asked] = row.ref;
  context_.act(RemoveVolume{work.asked, *intents_.seq(work.intent), row.object.metadata.uid,
                            status.ok() ? status->path : ""});
}

void VolumeLoop::say(Row& row, std::string_view phase, std::string message, bool urgent) {
  Result<model::VolumeStatus> status = model::volume_status(row.object.status);
  model::VolumeStatus next = status.ok() ? std::move(*status) : model::VolumeStatus{};
  next.phase = phase;
  next.message = std::move(message);
  writer_.status(row, model::to_json(next), urgent);
}

void VolumeLoop::fail(Row& row, Work& work, const Error& error) {
  Duration wait = std::min(context_.options.retry * (int64_t{1} << work.failures),
                           context_.options.restart_most);
  work.failures = std::min(work.failures + 1, 20U);
  work.retry_at = context_.now + wait;
  journal_.say(row.object, Journal::Level::error, "VolumeFailed", error.message());
  objects_.touch(row.ref);
}

void VolumeLoop::on(const VolumeCreated& created) {
  auto found = asked_.extract(created.token);
  if (found.empty()) return;
  Row* row = objects_.find(found.mapped());
  Work& work = works_.at(found.mapped());
  work.asked = 0;
  work.creates = false;
  --creating_;
  objects_.touch(found.mapped());
  intents_.close(work.intent, created.result.ok(),
                 created.result.ok() ? "created" : created.result.error().message());
  if (row == nullptr) return;
  if (!created.result.ok()) {
    say(*row, "failed", created.result.error().message());
    return fail(*row, work, created.result.error());
  }
  work.failures = 0;
  model::VolumeStatus status = *created.result;
  status.phase = "ready";
  status.message.clear();
  writer_.status(*row, model::to_json(status), true);
  journal_.say(row->object, Journal::Level::info, "VolumeReady", "the volume is ready");
}

void VolumeLoop::on(const VolumeResized& resized) {
  auto found = asked_.extract(resized.token);
  if (found.empty()) return;
  Row* row = objects_.find(found.mapped());
  Work& work = works_.at(found.mapped());
  work.asked = 0;
  machines_.hold_volume(found.mapped(), false);
  objects_.touch(found.mapped());
  const bool ok = resized.result.ok();
  intents_.close(work.intent, ok,
                 ok ? std::to_string(work.resizing) + " bytes" : resized.result.error().message());
  if (row == nullptr) return;
  if (!ok) {
    say(*row, "ready", "not resized: " + resized.result.error().message());
    return fail(*row, work, resized.result.error());
  }
  work.failures = 0;
  Result<model::VolumeStatus> status = model::volume_status(row->object.status);
  if (!status.ok()) return;
  status->size = work.resizing;
  status->message.clear();
  writer_.status(*row, model::to_json(*status), true);
  journal_.say(row->object, Journal::Level::info, "VolumeResized", "the volume is larger now");
}

void VolumeLoop::on(const VolumeRemoved& removed) {
  auto found = asked_.extract(removed.token);
  if (found.empty()) return;
  Row* row = objects_.find(found.mapped());
  Work& work = works_.at(found.mapped());
  work.asked = 0;
  work.file_gone = removed.result.ok();
  objects_.touch(found.mapped());
  if (removed.result.ok()) return;
  intents_.close(work.intent, false, removed.result.error().message());
  if (row != nullptr) fail(*row, work, removed.result.error());
}

}  // namespace bridle::fleet
