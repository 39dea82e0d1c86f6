// Actions: everything that the controller of one host asks of the world. The rim carries them out
// in order of the list, without waiting for answers; each answer is an event (fleet/events.h).
//
// `intent` is the number of the ledger entry that announced the act. It is synced already when the
// action is handed out: the rim needs to check nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "fleet/events.h"

namespace bridle::fleet {

// -> Committed. One transaction.
struct Commit {
  Token token = 0;
  std::vector<store::Write> writes;
  store::Durability durability = store::Durability::lazy;
};

// -> LedgerSynced, after fsync. Several in one list may share one fsync.
struct LedgerAppend {
  enum class Phase { intent, outcome, note };
  Token token = 0;
  Phase phase = Phase::intent;
  std::string actor;   // "bridle" for what Bridle does to reach what is wanted
  std::string verb;    // "start"
  std::string object;  // "machine/lab/web"
  uint64_t of = 0;     // outcome: the intent it closes
  bool ok = true;      // outcome
  std::string detail;  // "boot 3 of UUID/1 in slot 2", "exit 0"
};

struct ListGuests {  // -> JailGuests
  Token token = 0;
};

// One disk of a guest, with the volume behind it.
struct DiskSource {
  model::Disk disk;
  model::VolumeStatus volume;
};
struct SecretValue {
  std::string ref;    // "web-login/password", as SeedUser::password_secret
  std::string value;  // never log, never print
};
// Everything needed to build QEMU's arguments and the jail's request.
struct Launch {
  std::string name, project;
  MachineId id;
  uint64_t boot = 0;
  uint32_t slot = 0;  // the jail's guest slot
  std::string engine;
  model::MachineSpec spec;
  model::Pinned pinned;
  model::ImageStatus image;  // parts by digest; kernel and initrd may be empty
  std::vector<DiskSource> disks;
  std::vector<SecretValue> secrets;  // Prepare only: empty in StartGuest
};
// -> Prepared. Checks the digests of the parts (image, backing files), writes
// volumes/seeds/UUID.iso where spec.seed is set, and keeps what it opened for the StartGuest of the
// same (uuid, boot).
struct Prepare {
  Token token = 0;
  Launch launch;
};
// Forgets what a Prepare keeps for this machine. Nothing kept is fine.
struct DropPrepared {
  Uuid uuid;
  uint64_t boot = 0;
  bool forever = false;  // the machine is deleted: its seed goes too
};
struct Limits {
  uint64_t cpu_shares = 1000;
  uint64_t cpu_quota = 0;        // thousandths of a core, 0: none
  uint64_t cpu_reservation = 0;  // thousandths of a core: a floor under cpu_shares
  uint64_t memory_limit = 0;     // bytes of the whole QEMU process, 0: none
  uint64_t memory_reservation = 0;
  bool operator==(const Limits&) const = default;
};
struct StartGuest {  // -> GuestStarted or GuestStartFailed
  uint64_t intent = 0;
  Launch launch;
  Limits limits;
};
struct SignalGuest {  // SIGKILL. No answer but GuestExited; an unknown guest is not an error
  uint64_t intent = 0;
  Uuid uuid;
  uint64_t boot = 0;
};
struct SetLimits {  // no answer; tried again at the next adoption
  Uuid uuid;
  uint64_t boot = 0;
  Limits limits;
};
// What a running guest takes over through its monitor.
struct Tuning {
  uint64_t memory_target = 0;  // bytes that the balloon leaves; 0: all
  model::DiskResources disk;   // of all its disks together
  bool operator==(const Tuning&) const = default;
};
struct SetTuning {  // no answer; sent again when the monitor comes back
  Uuid uuid;
  uint64_t boot = 0;
  Tuning tuning;
  bool disks = false;  // it has any: their limits can be set
};
struct ReleaseGuest {  // -> GuestReleased
  Uuid uuid;
  uint64_t boot = 0;
};
struct SampleUsage {  // -> UsageSample; also of a guest that exited and is not released
  Token token = 0;
  Uuid uuid;
  uint64_t boot = 0;
};

// -> MonitorUp or MonitorDown. Connects to QEMU's monitor (again), unless it is connected.
struct AttachMonitor {
  Uuid uuid;
  uint64_t boot = 0;
  bool fresh = false;                   // just started, or adopted before its monitor ever answered
  bool hold = false;                    // do not let it run: spec.power is paused
  std::vector<std::string> interfaces;  // names: their links are down before the guest runs
};
enum class MonitorVerb { powerdown, stop, cont, reset };
struct Monitor {  // -> MonitorReply (Code::unreachable if the connection ended)
  Token token = 0;
  uint64_t intent = 0;
  Uuid uuid;
  uint64_t boot = 0;
  MonitorVerb verb = MonitorVerb::powerdown;
};

// -> VolumeCreated. Makes volumes/UUID.FORMAT, whole or not at all; one that is there already is
// kept: a volume is never written over.
struct CreateVolume {
  Token token = 0;
  uint64_t intent = 0;
  Uuid uuid;
  std::string name, project;
  model::VolumeSpec spec;
  model::ImageStatus image;  // of spec.image; its disk part is the backing file
};
// -> VolumeResized. Makes the file larger; no guest has it open. One that is as large is success.
struct ResizeVolume {
  Token token = 0;
  uint64_t intent = 0;
  Uuid uuid;
  std::string path;  // VolumeStatus::path
  uint64_t size = 0;
};
// -> VolumeResized. The same through the monitor of the guest that has the volume open.
struct ResizeDisk {
  Token token = 0;
  uint64_t intent = 0;
  Uuid machine;
  uint64_t boot = 0;
  size_t index = 0;  // of the disk, in the spec that the guest was started with
  uint64_t size = 0;
};
struct RemoveVolume {  // -> VolumeRemoved. A missing file is success
  Token token = 0;
  uint64_t intent = 0;
  Uuid uuid;
  std::string path;  // VolumeStatus::path; empty: none was made
};
// -> PartsCollected. Removes every part whose digest is not in `keep`. No build runs meanwhile.
struct CollectParts {
  Token token = 0;
  uint64_t intent = 0;
  std::set<std::string> keep;
};
// -> BuildProgress …, BuildEnded. A build dies with bridled or the jail and is begun again. An
// import waits for its upload first, and goes on with what of it has come before.
struct BuildImage {
  Token token = 0;
  uint64_t intent = 0;
  Uuid operation;
  std::string name, project, recipe, owner;
  std::optional<model::ImageSource> source;  // set where the recipe is "imported"
};
struct CancelBuild {
  Token token = 0;  // of the BuildImage
};

struct SetTimer {  // -> TimerFired, once, not before `at`
  Token token = 0;
  Tick at;
};
struct CancelTimer {
  Token token = 0;
};

using Action =
    std::variant<Commit, LedgerAppend, ListGuests, Prepare, DropPrepared, StartGuest, SignalGuest,
                 SetLimits, SetTuning, ReleaseGuest, SampleUsage, AttachMonitor, Monitor,
                 CreateVolume, ResizeVolume, ResizeDisk, RemoveVolume, CollectParts, BuildImage,
                 CancelBuild, SetTimer, CancelTimer>;

}  // namespace bridle::fleet
