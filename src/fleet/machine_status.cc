// How the end of a guest is judged, and what the status of a machine says.
#include <sys/wait.h>

#include <algorithm>

#include "base/hash.h"
#include "base/units.h"
#include "fleet/machine_loop.h"
#include "fleet/references.h"

namespace bridle::fleet {
namespace {

using model::Phase;
using model::Restart;

// Keys of spec that a running guest cannot take over.
constexpr std::string_view fixed_at_start[] = {
    "cpus",    "memory", "image", "boot", "kernelArguments", "disks", "interfaces",
    "display", "tpm",    "seed",  "raw"};

uint64_t number(const model::json::object& object, std::string_view key) {
  const model::json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return 0;
  boost::system::error_code bad;
  uint64_t found = value->to_number<uint64_t>(bad);
  return bad ? 0 : found;
}

// What is true of now only.
constexpr uint64_t model::Usage::*gauges[] = {
    &model::Usage::memory_bytes, &model::Usage::balloon_bytes, &model::Usage::guest_total,
    &model::Usage::guest_free, &model::Usage::guest_available};
// The counters of model::Usage.
struct Counter {
  std::string_view key;
  uint64_t model::Usage::*field;
};
constexpr Counter counters[] = {{"vcpuNs", &model::Usage::vcpu_ns},
                                {"emulatorNs", &model::Usage::emulator_ns},
                                {"bridleNs", &model::Usage::bridle_ns},
                                {"readBytes", &model::Usage::read_bytes},
                                {"writeBytes", &model::Usage::write_bytes}};

// Reasons that tell how the last run ended; others tell why there is none now, and are found anew.
bool is_end(std::string_view reason) {
  constexpr std::string_view reasons[] = {"Stopped", "ForcedOff", "PoweredOff", "Killed",
                                          "Exited",  "Lost",      "NoMonitor",  "Panicked"};
  return std::find(std::begin(reasons), std::end(reasons), reason) != std::end(reasons);
}

bool at_rest(Phase phase) { return phase == Phase::defined || phase == Phase::failed; }

}  // namespace

std::string exit_text(int status) {
  if (status < 0) return "unknown";
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit " + std::to_string(WEXITSTATUS(status));
}

model::json::object launch_fingerprint(const model::json::object& spec) {
  model::json::object prints;
  for (std::string_view key : fixed_at_start)
    if (const model::json::value* value = spec.if_contains(key))
      prints[key] = hex(sha256(model::json::serialize(*value))).substr(0, 12);
  return prints;
}

void remember_disks(Guest& guest) {
  model::json::array volumes;
  for (const model::Disk& disk : guest.launch.spec.disks)
    volumes.push_back({{"volume", disk.volume}, {"readOnly", disk.read_only}});
  if (!volumes.empty()) guest.launched["open"] = std::move(volumes);
}

void recall_disks(Guest& guest) {
  const model::json::value* open = guest.launched.if_contains("open");
  if (open == nullptr || !open->is_array()) return;
  for (const model::json::value& each : open->get_array()) {
    if (!each.is_object()) continue;
    const model::json::value* volume = each.get_object().if_contains("volume");
    const model::json::value* read_only = each.get_object().if_contains("readOnly");
    if (volume == nullptr || !volume->is_string()) continue;
    bool only = read_only != nullptr && read_only->is_bool() && read_only->get_bool();
    guest.launch.spec.disks.push_back({"", std::string(volume->get_string()), only});
  }
}

void MachineLoop::load_status(Guest& guest, const Row& row) {
  const model::json::object& stored = row.object.status;
  Result<model::MachineStatus> status = model::machine_status(stored);
  if (status.ok()) guest.status = std::move(*status);
  used_slots_.reset();
  guest.boot = guest.status.boot;
  if (at_rest(guest.status.phase)) {
    guest.judged_boot = guest.status.boot;
    if (is_end(guest.status.reason)) {
      guest.failed = guest.status.phase == Phase::failed;
      guest.reason = guest.status.reason;
      guest.message = guest.status.message;
    }
  }
  const model::json::value* held = stored.if_contains("held");
  guest.held = held != nullptr && held->is_bool() && held->get_bool();
  if (const model::json::value* launched = stored.if_contains("launched"))
    if (launched->is_object()) guest.launched = launched->get_object();
  recall_disks(guest);
  guest.ended_usage = {};
  if (const model::json::value* ended = stored.if_contains("accounting"))
    if (ended->is_object()) {
      for (const Counter& counter : counters)
        guest.ended_usage.*counter.field = number(ended->get_object(), counter.key);
      guest.ended_usage_boot = number(ended->get_object(), "boot");
    }
}

void MachineLoop::account_end(Guest& guest) {
  std::string how = exit_text(guest.exit_status);
  intents_.close(guest.start_intent, false, "ended before it ran: " + how);
  if (guest.judged_boot < guest.boot) judge_end(guest, objects_.machine(guest.uuid));
  intents_.close(guest.stop_intent, true, how);
  clear_run(guest);
}

void MachineLoop::come_again(Guest& guest, Duration wait) {
  guest.restarting = true;
  guest.retry_at = context_.now + wait;
  guest.next = "starting again in " + format_duration(wait);
}

void MachineLoop::judge_failure(Guest& guest) {
  guest.failed = true;
  if (!guest.kill_reason.empty())
    guest.reason = guest.kill_reason;
  else if (guest.exit_status < 0)
    guest.reason = "Lost";
  else
    guest.reason = WIFSIGNALED(guest.exit_status) ? "Killed" : "Exited";
  guest.message = "QEMU ended by itself: " + guest.status.last_exit;
  if (!guest.last_words.empty()) guest.message += " (" + guest.last_words + ")";
  if (guest.spec.restart == Restart::never) {
    guest.held = true;
    guest.message += "; its restart policy is never: start it again by hand";
    return;
  }
  Duration wait = std::min(context_.options.restart_first * (int64_t{1} << guest.failures),
                           context_.options.restart_most);
  guest.failures = std::min(guest.failures + 1, 20U);
  come_again(guest, wait);
}

void MachineLoop::judge_end(Guest& guest, const Row* row) {
  guest.judged_boot = guest.boot;
  guest.status.last_exit = exit_text(guest.exit_status);
  guest.next.clear();
  guest.message.clear();
  bool wanted_off = !wanted_on(guest, row) || guest.status.phase == Phase::stopping;
  bool asked = guest.kill_reason.empty() && (guest.asked_off || wanted_off);
  if (!asked || guest.stray)
    intents_.note(
        "exit", guest.ref,
        "boot " + std::to_string(guest.boot) + " of " + guest.id() + ": " + guest.status.last_exit);
  if (guest.stray) return;
  guest.failed = false;
  if (asked) {
    guest.reason = guest.forced ? "ForcedOff" : "Stopped";
    return;
  }
  bool clean = guest.kill_reason.empty() && (guest.guest_off || guest.exit_status == 0);
  if (!clean) return judge_failure(guest);
  guest.reason = "PoweredOff";
  guest.message = "the guest powered itself off";
  if (guest.spec.restart == Restart::always)
    come_again(guest, context_.options.restart_first);
  else
    guest.held = true;
}

// What a running guest's owner should know; empty: nothing.
std::string MachineLoop::advice(const Guest& guest, const Row& row) const {
  std::string text = restart_needed(guest, row);
  if (guest.tpm_lost)
    text =
        "its TPM has ended and cannot be joined to a running guest again: stop and start the "
        "machine to bring it back";
  if (!guest.spec.seed || guest.spec.seed->users.empty()) return text;
  const Row* image = find_image(objects_, row.object.metadata.project, guest.spec.image);
  if (image == nullptr) return text;
  const auto status = model::image_status(image->object.status);
  if (!status.ok() || !status->ignores_users) return text;
  return text + (text.empty() ? "" : "; ") + image->ref +
         " makes no users: those of its seed are ignored";
}

std::string MachineLoop::restart_needed(const Guest& guest, const Row& row) const {
  if (guest.launched.empty()) return "";
  std::string fields;
  for (std::string_view key : fixed_at_start) {
    const model::json::value* then = guest.launched.if_contains(key);
    const model::json::value* value = row.object.spec.if_contains(key);
    std::string now =
        value == nullptr ? "" : hex(sha256(model::json::serialize(*value))).substr(0, 12);
    std::string before = then == nullptr || !then->is_string() ? "" : then->get_string().c_str();
    if (now != before) fields += (fields.empty() ? "" : ", ") + std::string(key);
  }
  if (fields.empty()) return "";
  return "stop and start it to apply the changed " + fields;
}

void MachineLoop::explain(Guest& guest, const Row& row) {
  model::MachineStatus& status = guest.status;
  status.message.clear();
  status.next = row.deleting() ? "deleting" : guest.next;
  switch (status.phase) {
    case Phase::defined:
    case Phase::failed:
      if (host_guests_ != model::HostGuests::run && guest.spec.power != model::Power::stopped &&
          !guest.held) {
        status.phase = Phase::defined;
        status.reason = "HostDraining";
        status.message = "the host stops its machines; bridle host resume lets them start again";
        return;
      }
      if (guest.blocked) {
        status.phase = guest.blocked->failed ? Phase::failed : Phase::defined;
        status.reason = guest.blocked->reason;
        status.message = guest.blocked->message;
        return;
      }
      status.reason = guest.reason.empty() ? "Defined" : guest.reason;
      status.message = guest.message;
      return;
    case Phase::starting:
      status.reason = "Starting";
      return;
    case Phase::running:
      status.reason = guest.tpm_lost ? "TpmLost" : "Running";
      status.message =
          guest.monitor_up ? advice(guest, row) : "QEMU's monitor does not answer; trying again";
      return;
    case Phase::paused:
      status.reason = guest.disk_failed ? "DiskFailed" : "Paused";
      status.message = guest.disk_failed ? "a disk refused a write (is the host's disk full?)"
                                         : restart_needed(guest, row);
      return;
    case Phase::stopping:
      status.reason = guest.kill_reason.empty() ? "Stopping" : guest.kill_reason;
      status.message = guest.forced ? "being forced off" : "asked to power down";
      return;
  }
}

void MachineLoop::write_status(Guest& guest, Row& row, bool urgent) {
  Phase before = guest.status.phase;
  std::string reason = guest.status.reason;
  guest.status.phase = machine::phase(guest.state, guest.failed);
  explain(guest, row);
  if (guest.status.phase != before || !guest.status.since) guest.status.since = context_.wall;
  if (guest.status.phase != before || guest.status.reason != reason) {
    bool failed = guest.status.phase == Phase::failed;
    std::string text = guest.status.message.empty()
                           ? "the machine is " + std::string(model::name(guest.status.phase))
                           : guest.status.message;
    auto level = failed ? Journal::Level::error : Journal::Level::info;
    if (guest.status.reason == "TpmLost") level = Journal::Level::warning;
    journal_.say(row.object, level, guest.status.reason, text, guest.id());
  }
  model::json::object out = model::to_json(guest.status);
  if (guest.held) out["held"] = true;
  if (!guest.launched.empty()) out["launched"] = guest.launched;
  if (guest.ended_usage_boot != 0) {
    model::json::object& ended = out["accounting"].emplace_object();
    ended["boot"] = guest.ended_usage_boot;
    for (const Counter& counter : counters) ended[counter.key] = guest.ended_usage.*counter.field;
  }
  writer_.status(row, std::move(out), urgent);
}

void MachineLoop::note_usage(Guest& guest, const UsageSample& sample) {
  model::Usage& total = guest.status.usage;
  bool last = guest.sampled && guest.state == State::ended;
  if (sample.boot > guest.ended_usage_boot && sample.usage.ok()) {
    for (const Counter& counter : counters)
      total.*counter.field = std::max(
          total.*counter.field, guest.ended_usage.*counter.field + (*sample.usage).*counter.field);
    for (uint64_t model::Usage::*gauge : gauges) total.*gauge = (*sample.usage).*gauge;
  }
  if (!last) return;
  for (uint64_t model::Usage::*gauge : gauges) total.*gauge = 0;
  guest.ended_usage = total;
  guest.ended_usage_boot = std::max(guest.ended_usage_boot, sample.boot);
}

}  // namespace bridle::fleet
