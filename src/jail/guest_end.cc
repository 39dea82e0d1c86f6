// Guests: the lives of their TPMs, and the release of what has ended.
#include <signal.h>
#include <sys/epoll.h>

#include <cstring>

#include "base/file.h"
#include "base/log.h"
#include "jail/guests.h"
#include "jail/process.h"

namespace bridle::jail {

using namespace std::chrono_literals;

// ---- TPMs

Status Guests::take_tpm(Guest& guest, const ProcessId& tpm) {
  BRIDLE_CHECK(write_tpm(layout_, guest.record.uuid, tpm));
  adopt_tpm(guest);
  return {};
}

// One that is gone although its note is there ended before its QEMU did.
void Guests::adopt_tpm(Guest& guest) {
  const Uuid uuid = guest.record.uuid;
  const auto note = read_tpm(layout_.guest(uuid));
  if (!note) return;
  auto tpm = open_process(*note);
  if (!tpm) return judge_tpm_later(guest);
  guest.tpm = *std::move(tpm);
  const auto ended = [this, uuid](uint32_t) { tpm_ended(uuid); };
  if (loop_.watch(guest.tpm.get(), EPOLLIN, ended).ok()) return;
  log::error("cannot watch a TPM", {{"uuid", uuid.text()}});
  guest.tpm.reset();
}

void Guests::tpm_ended(const Uuid& uuid) {
  Guest& guest = guests_.at(uuid);
  loop_.forget(guest.tpm.get());
  guest.tpm.reset();
  if (guest.phase == Phase::ending && guest.note_taken) {
    loop_.cancel(guest.timer);
    return tell_end(guest);
  }
  if (guest.phase == Phase::running) judge_tpm_later(guest);
}

// A QEMU that ends sends its TPM away before: only one that is still there later has lost it.
void Guests::judge_tpm_later(const Guest& guest) {
  loop_.after(
      1s, [this, uuid = guest.record.uuid, boot = guest.record.boot] { judge_tpm(uuid, boot); });
}

void Guests::judge_tpm(const Uuid& uuid, uint64_t boot) {
  const auto found = guests_.find(uuid);
  if (found == guests_.end() || found->second.record.boot != boot) return;
  Guest& guest = found->second;
  if (guest.phase != Phase::running || has_ended(guest.qemu.get())) return;
  guest.tpm_lost = true;
  log::warning("a guest's TPM ended before the guest", {{"uuid", uuid.text()}});
  Reply reply = blank_reply(Verb::tpm_lost, 0);
  describe(guest, reply);
  announce_(reply);
}

// ---- release

bool Guests::waits_for(pid_t pid) const {
  const auto id = static_cast<uint32_t>(pid);
  for (const auto& [uuid, guest] : guests_) {
    const bool qemu = guest.record.qemu.pid == id && guest.phase != Phase::exited;
    if (qemu || (guest.record.attendant.pid == id && guest.attendant)) return true;
  }
  return false;
}

void Guests::release(const Request& request, Answer answer) { try_release(request, answer, 0); }

void Guests::try_release(const Request& request, const Answer& answer, int round) {
  Reply reply = blank_reply(Verb::release, request.id);
  std::memcpy(reply.uuid, request.uuid, sizeof reply.uuid);
  const auto cleared = clear_away(request, round, reply);
  if (!cleared) set_error(reply, cleared.error());
  if (!cleared || *cleared) return answer(reply);
  loop_.after(2ms, [this, request, answer, round] { try_release(request, answer, round + 1); });
}

// Looks every 2 ms: the attendant ends by itself, and may still have something to tell its clients.
// Whether nothing is left. Releasing what is not there is success: whoever asks again after a crash
// wants just that.
Result<bool> Guests::clear_away(const Request& request, int round, Reply& reply) {
  constexpr int patience = 20, most = 200;  // rounds
  auto found = find(request);
  if (!found || !is_meant(request, **found)) return true;
  Guest& guest = **found;
  if (guest.phase != Phase::exited)
    return Error(Code::conflict, "this guest still runs: stop it before its release");
  describe(guest, reply);
  reply.state = GuestState::none;
  const std::string uuid = guest.record.uuid.text();
  const auto members = cgroups_.members(uuid);
  if ((guest.attendant || !members.empty()) && round < most) {
    if (round < patience) return false;
    if (guest.attendant) signal_process(guest.attendant.get(), SIGKILL);
    for (const pid_t pid : members) ::kill(pid, SIGKILL);
    return false;
  }
  BRIDLE_CHECK(cgroups_.remove(uuid));
  BRIDLE_CHECK(remove_tree(layout_.guest(guest.record.uuid)));
  stop_watching(guest);
  guests_.erase(guest.record.uuid);
  return true;
}

}  // namespace bridle::jail
