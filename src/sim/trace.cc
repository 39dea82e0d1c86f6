#include "sim/trace.h"

#include <fmt/format.h>

#include "base/hash.h"

namespace bridle::sim {
namespace {

using namespace bridle::fleet;

std::string brief(const Uuid& uuid) { return uuid.text().substr(0, 8); }
std::string outcome(const Status& status) { return status.ok() ? "ok" : status.error().message(); }
template <typename T>
std::string outcome(const Result<T>& result) {
  return result.ok() ? "ok" : result.error().message();
}

std::string digest_of(const std::vector<store::Change>& changes) {
  Sha256Stream stream;
  for (const store::Change& change : changes) {
    stream.update(change.key);
    if (change.value) stream.update(*change.value);
  }
  return hex(stream.finish()).substr(0, 12);
}

std::string text(const Begin& e) {
  return fmt::format("Begin {} open intents", e.open_intents.size());
}
std::string text(const HostChanged&) { return "HostChanged"; }
std::string text(const StoreLoaded& e) {
  return fmt::format("StoreLoaded {} at {}", e.entries.size(), e.revision);
}
std::string text(const StoreChanged& e) {
  std::string keys;
  for (const store::Change& change : e.changes)
    keys += fmt::format(" {}{}@{}", change.value ? "" : "-", change.key, change.revision);
  return "StoreChanged " + digest_of(e.changes) + keys;
}
std::string text(const Committed& e) {
  return fmt::format("Committed {} {}", e.token,
                     e.revision.ok() ? std::to_string(*e.revision) : e.revision.error().message());
}
std::string text(const LedgerSynced& e) {
  return fmt::format("LedgerSynced {} {}", e.token,
                     e.seq.ok() ? std::to_string(*e.seq) : e.seq.error().message());
}
std::string text(const JailUp&) { return "JailUp"; }
std::string text(const JailDown&) { return "JailDown"; }
std::string text(const JailGuests& e) {
  std::string all = fmt::format("JailGuests {}", e.token);
  for (const JailGuest& guest : e.guests)
    all += fmt::format(" {}/{}{}", brief(guest.uuid), guest.boot, guest.running ? "+" : "-");
  return all;
}
std::string text(const GuestStarted& e) {
  return fmt::format("GuestStarted {}/{} pid {}", brief(e.uuid), e.boot, e.pid);
}
std::string text(const GuestStartFailed& e) {
  return fmt::format("GuestStartFailed {}/{} {}", brief(e.uuid), e.boot, e.error.message());
}
std::string text(const GuestExited& e) {
  return fmt::format("GuestExited {}/{} {}", brief(e.uuid), e.boot, e.exit_status);
}
std::string text(const TpmLost& e) { return fmt::format("TpmLost {}/{}", brief(e.uuid), e.boot); }
std::string text(const GuestReleased& e) {
  return fmt::format("GuestReleased {}/{} {}", brief(e.uuid), e.boot, outcome(e.result));
}
std::string text(const MonitorUp& e) {
  return fmt::format("MonitorUp {}/{}{}", brief(e.uuid), e.boot, e.paused ? " paused" : "");
}
std::string text(const MonitorDown& e) {
  return fmt::format("MonitorDown {}/{}", brief(e.uuid), e.boot);
}
std::string text(const MonitorEvent& e) {
  constexpr std::string_view news[] = {"stopped",  "resumed", "powerdown", "guest_off",
                                       "host_off", "reset",   "panicked",  "disk_failed"};
  return fmt::format("MonitorEvent {}/{} {}", brief(e.uuid), e.boot,
                     news[static_cast<size_t>(e.news)]);
}
std::string text(const MonitorReply& e) {
  return fmt::format("MonitorReply {} {}", e.token, outcome(e.result));
}
std::string text(const AgentReady& e) { return fmt::format("AgentReady {}", brief(e.uuid)); }
std::string text(const Prepared& e) {
  return fmt::format("Prepared {} {}", e.token, outcome(e.result));
}
std::string text(const VolumeCreated& e) {
  return fmt::format("VolumeCreated {} {}", e.token, outcome(e.result));
}
std::string text(const VolumeResized& e) {
  return fmt::format("VolumeResized {} {}", e.token, outcome(e.result));
}
std::string text(const VolumeRemoved& e) {
  return fmt::format("VolumeRemoved {} {}", e.token, outcome(e.result));
}
std::string text(const PartsCollected& e) {
  return fmt::format("PartsCollected {} {}", e.token, outcome(e.result));
}
std::string text(const BuildProgress& e) {
  return fmt::format("BuildProgress {} {}%", e.token, e.percent);
}
std::string text(const BuildEnded& e) {
  return fmt::format("BuildEnded {} {}", e.token, outcome(e.result));
}
std::string text(const UsageSample& e) {
  return fmt::format("UsageSample {} {}/{} {}", e.token, brief(e.uuid), e.boot,
                     e.usage.ok() ? std::to_string(e.usage->vcpu_ns) : e.usage.error().message());
}
std::string text(const TimerFired& e) { return fmt::format("TimerFired {}", e.token); }

std::string text(const Commit& a) {
  Sha256Stream stream;
  std::string keys;
  for (const store::Write& write : a.writes) {
    stream.update(write.value);
    keys += (write.kind == store::Write::Kind::put ? " " : " -") + write.key;
  }
  return fmt::format("Commit {} {} {}{}", a.token,
                     a.durability == store::Durability::full ? "full" : "lazy",
                     hex(stream.finish()).substr(0, 12), keys);
}
std::string text(const LedgerAppend& a) {
  constexpr std::string_view phases[] = {"intent", "outcome", "note"};
  return fmt::format("LedgerAppend {} {} {} {} of {} {}: {}", a.token,
                     phases[static_cast<size_t>(a.phase)], a.verb, a.object, a.of,
                     a.ok ? "ok" : "failed", a.detail);
}
std::string text(const ListGuests& a) { return fmt::format("ListGuests {}", a.token); }
std::string text(const Prepare& a) {
  return fmt::format("Prepare {} {}/{}", a.token, brief(a.launch.id.uuid), a.launch.boot);
}
std::string text(const DropPrepared& a) {
  return fmt::format("DropPrepared {}/{}{}", brief(a.uuid), a.boot, a.forever ? " forever" : "");
}
std::string text(const StartGuest& a) {
  return fmt::format("StartGuest {}/{} slot {} under {}", brief(a.launch.id.uuid), a.launch.boot,
                     a.launch.slot, a.intent);
}
std::string text(const SignalGuest& a) {
  return fmt::format("SignalGuest {}/{} under {}", brief(a.uuid), a.boot, a.intent);
}
std::string text(const SetLimits& a) {
  return fmt::format("SetLimits {}/{} {} {} {} {}", brief(a.uuid), a.boot, a.limits.cpu_shares,
                     a.limits.cpu_quota, a.limits.memory_limit, a.limits.memory_reservation);
}
std::string text(const SetTuning& a) {
  return fmt::format("SetTuning {}/{} memory {} disk {} {} {}", brief(a.uuid), a.boot,
                     a.tuning.memory_target, a.tuning.disk.read_bytes_per_second,
                     a.tuning.disk.write_bytes_per_second, a.tuning.disk.operations_per_second);
}
std::string text(const ReleaseGuest& a) {
  return fmt::format("ReleaseGuest {}/{}", brief(a.uuid), a.boot);
}
std::string text(const SampleUsage& a) {
  return fmt::format("SampleUsage {} {}/{}", a.token, brief(a.uuid), a.boot);
}
std::string text(const AttachMonitor& a) {
  return fmt::format("AttachMonitor {}/{}{}{}", brief(a.uuid), a.boot, a.fresh ? " fresh" : "",
                     a.hold ? " hold" : "");
}
std::string text(const Monitor& a) {
  constexpr std::string_view verbs[] = {"powerdown", "stop", "cont", "reset"};
  return fmt::format("Monitor {} {}/{} {} under {}", a.token, brief(a.uuid), a.boot,
                     verbs[static_cast<size_t>(a.verb)], a.intent);
}
std::string text(const CreateVolume& a) {
  return fmt::format("CreateVolume {} {}/{} under {}", a.token, a.project, a.name, a.intent);
}
std::string text(const ResizeVolume& a) {
  return fmt::format("ResizeVolume {} {} to {} under {}", a.token, a.path, a.size, a.intent);
}
std::string text(const ResizeDisk& a) {
  return fmt::format("ResizeDisk {} {}/{} disk {} to {} under {}", a.token, brief(a.machine),
                     a.boot, a.index, a.size, a.intent);
}
std::string text(const RemoveVolume& a) {
  return fmt::format("RemoveVolume {} {} under {}", a.token, a.path, a.intent);
}
std::string text(const CollectParts& a) {
  return fmt::format("CollectParts {} keep {} under {}", a.token, a.keep.size(), a.intent);
}
std::string text(const BuildImage& a) {
  return fmt::format("BuildImage {} {}/{} under {}", a.token, a.project, a.name, a.intent);
}
std::string text(const CancelBuild& a) { return fmt::format("CancelBuild {}", a.token); }
std::string text(const SetTimer& a) { return fmt::format("SetTimer {} {}", a.token, a.at.ns); }
std::string text(const CancelTimer& a) { return fmt::format("CancelTimer {}", a.token); }

}  // namespace

std::string trace_time(Tick now) {
  return fmt::format("{:6d}.{:09d} ", now.ns / 1'000'000'000, now.ns % 1'000'000'000);
}

std::string describe(const fleet::Event& event) {
  return std::visit([](const auto& body) { return text(body); }, event.body);
}

std::string describe(const fleet::Action& action) {
  return std::visit([](const auto& body) { return text(body); }, action);
}

}  // namespace bridle::sim
