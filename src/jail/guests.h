// Guests: every guest that the jail knows, and the life of each:
//
//   starting --report--> running --QEMU's pidfd--> ending --exit note--> exited --release--> gone
//      \--failed start--> gone            (ending waits 500 ms at most for the note: then -1)
//
// A guest with a TPM has ended when its TPM has, too: it is given 500 ms to write what it has left,
// then killed. A TPM that ends before its QEMU is lost to this run; that is told (Verb::tpm_lost)
// and stays on record.
//
// A jail that begins adopts what run/g holds: running guests by pid and start time, ended ones with
// their exit note, half-started ones (pid 0) are ended and forgotten. A running guest without a
// living attendant gets another, with a back-off of up to 5 s for one that keeps dying.
//
// Thread class: the loop's thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/layout.h"
#include "jail/cgroup.h"
#include "jail/guest_start.h"
#include "jail/loop.h"
#include "jail/protocol.h"
#include "jail/record.h"

namespace bridle::jail {

Reply blank_reply(Verb verb, uint64_t id);
void set_error(Reply& reply, const Error& error);

class Guests {
 public:
  using Answer = std::function<void(const Reply&)>;

  // `announce` takes what comes unasked: Verb::exited, Verb::tpm_lost.
  Guests(Loop& loop, const Layout& layout, Cgroups& cgroups, Answer announce);

  Status adopt();
  // Answers once the guest runs, or cannot. REQUIRES: validate() accepted the request.
  void start(const Request& request, std::vector<Fd> descriptors, Answer answer);

  // Each fills `reply`. REQUIRES: validated.
  Status signal(const Request& request, Reply& reply);
  Status limits(const Request& request, Reply& reply);
  Status place(const Request& request, Reply& reply);
  Status grow(const Request& request, Reply& reply);
  Status usage(const Request& request, Reply& reply);
  // Answers when nothing of it is left: what does not end by itself within 40 ms is killed.
  void release(const Request& request, Answer answer);
  // Code::conflict while the guest is known.
  Status forget(const Request& request);
  std::vector<Reply> list(uint64_t id) const;
  // The pidfd of its QEMU. Code::not_found, gone: this boot does not run.
  Result<int> qemu_of(const Uuid& uuid, uint64_t boot) const;
  size_t count() const { return guests_.size(); }
  // Whether somebody here waits for this process.
  bool waits_for(pid_t pid) const;

 private:
  enum class Phase { starting, running, ending, exited };
  struct Guest {
    Record record;
    Phase phase = Phase::starting;
    Fd qemu, attendant, report, tpm;
    bool tpm_lost = false;
    bool note_taken = false;  // ending: only the TPM is waited for
    Answer answer;            // of its start
    ExitNote exit;
    int note_tries = 0;
    unsigned attendant_deaths = 0;  // in a row
    Tick attendant_since;
    uint64_t timer = 0;
  };

  Result<Guest*> find(const Request& request);
  static bool is_meant(const Request& request, const Guest& guest);
  Result<Guest*> find_running(const Request& request);
  Status check_free(const Request& request) const;
  Status begin_start(const Request& request, std::vector<Fd>& descriptors, Guest& guest);
  void hear_report(const Uuid& uuid);
  void finish_start(Guest& guest, const StartReport& report, Fd qemu);
  void fail_start(Guest& guest, const Error& error);
  void forget_start(Guest& guest);

  Status adopt_one(const std::string& name);
  Status watch_qemu(Guest& guest);
  Status watch_attendant(Guest& guest, Attending attending);
  void attendant_died(const Uuid& uuid);
  void start_attendant(const Uuid& uuid);
  void qemu_ended(const Uuid& uuid);
  void await_note(const Uuid& uuid);
  void finish(Guest& guest, ExitNote note);
  void tell_end(Guest& guest);
  void name_killer(Guest& guest);

  void stop_watching(Guest& guest);
  void end_attendant(Guest& guest);
  void end_members(const Uuid& uuid);
  void try_release(const Request& request, const Answer& answer, int round);
  Result<bool> clear_away(const Request& request, int round, Reply& reply);

  void adopt_tpm(Guest& guest);
  Status take_tpm(Guest& guest, const ProcessId& tpm);
  void tpm_ended(const Uuid& uuid);
  void judge_tpm_later(const Guest& guest);
  void judge_tpm(const Uuid& uuid, uint64_t boot);
  void describe(const Guest& guest, Reply& reply) const;

  Loop& loop_;
  const Layout& layout_;
  Cgroups& cgroups_;
  Answer announce_;
  SystemClock clock_;
  Uuid host_boot_;
  std::map<Uuid, Guest> guests_;
};

}  // namespace bridle::jail
