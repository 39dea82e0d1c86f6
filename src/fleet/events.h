// Events: everything that the controller of one host (fleet/controller.h) learns of the world. The
// rim (bridled, or the simulator) makes them; each carries the time at which it was made.
//
// Rules for the rim:
//   - One thread; events are given one by one, in the order in which they happened as far as that
//     is known. Replies may come in any order.
//   - Every action that carries a Token is answered by exactly one event with that token, unless
//     the process dies or the peer goes down (JailDown answers everything asked of the jail).
//   - (uuid, boot) names one run of QEMU; the controller ignores what is about another boot.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "model/image.h"
#include "model/machine.h"
#include "store/store.h"

namespace bridle::fleet {

// Pairs an action with the event that answers it. Never reused by one controller; 0: none.
using Token = uint64_t;

// What this host is and has.
struct HostFacts {
  std::string name;     // of the Host object
  std::string boot_id;  // of the kernel
  std::string engine;   // "kvm" or "tcg"
  uint64_t cpu_millicores = 0;
  uint64_t memory_bytes = 0;           // of the whole host
  uint64_t memory_reserved = 0;        // kept for the host itself and Bridle
  uint32_t slots = 4000;               // guest slots 1 .. slots
  uint64_t guest_overhead = 48 << 20;  // bytes of QEMU beside the guest's RAM
  bool operator==(const HostFacts&) const = default;
};

// An intent that the ledger holds without an outcome, found when it was opened.
struct OpenIntent {
  uint64_t seq = 0;
  std::string verb, object;
};

// First of all. Nothing is done before StoreLoaded and the first JailGuests.
struct Begin {
  HostFacts host;
  std::vector<OpenIntent> open_intents;
};

// Another engine was found to work, or the operator reserved something else for the host. Applies
// to what is started and admitted from now on.
struct HostChanged {
  HostFacts host;
};

// All keys of the store at a revision: once after Begin, and again whenever the watch fell behind
// (Code::gone). Changes after `revision` follow as StoreChanged.
struct StoreLoaded {
  Revision revision = 0;
  std::vector<store::Entry> entries;
};
// Oldest first; also the controller's own commits (before or after their Committed).
struct StoreChanged {
  std::vector<store::Change> changes;
};
struct Committed {
  Token token = 0;
  Result<Revision> revision = Revision{0};
};

// The entry is on disk under this number; or it could not be written.
struct LedgerSynced {
  Token token = 0;
  Result<uint64_t> seq = uint64_t{0};
};

struct JailUp {};    // connected and greeted
struct JailDown {};  // nothing asked before will be answered
// Answer to ListGuests: all guests that the jail has a record of.
struct JailGuest {
  Uuid uuid;
  uint64_t generation = 0, boot = 0;
  uint32_t slot = 0, pid = 0;
  bool running = false;
  int exit_status = -1;         // as of waitpid(2); -1: not known
  std::string last_words = {};  // as of GuestExited
  bool tpm_lost = false;        // as of TpmLost
};
struct JailGuests {
  Token token = 0;
  std::vector<JailGuest> guests;
};
struct GuestStarted {  // the jail's reply to StartGuest
  Uuid uuid;
  uint64_t boot = 0;
  uint32_t pid = 0;
};
struct GuestStartFailed {  // Code::conflict: the jail has a guest of that uuid
  Uuid uuid;
  uint64_t boot = 0;
  Error error{Code::internal, ""};
};
struct GuestExited {
  Uuid uuid;
  uint64_t boot = 0;
  int exit_status = -1;         // as of waitpid(2); -1: not known
  std::string last_words = {};  // QEMU's, on its standard error; may be empty
};
struct TpmLost {  // the guest runs on without its TPM: that process has ended
  Uuid uuid;
  uint64_t boot = 0;
};
struct GuestReleased {  // an unknown guest is success
  Uuid uuid;
  uint64_t boot = 0;
  Status result;
};

// QEMU's monitor answers (capabilities negotiated), and what query-status said.
struct MonitorUp {
  Uuid uuid;
  uint64_t boot = 0;
  bool paused = false;
  std::string qemu_version = {};  // "10.0.2"
};
// The connection ended or could not be made; says nothing about QEMU.
struct MonitorDown {
  Uuid uuid;
  uint64_t boot = 0;
};
enum class MonitorNews {
  stopped,      // STOP: the virtual CPUs stand
  resumed,      // RESUME
  powerdown,    // POWERDOWN: the request reached the guest
  guest_off,    // SHUTDOWN with guest=true: the guest powered itself off
  host_off,     // SHUTDOWN with guest=false: by quit or signal
  reset,        // RESET
  panicked,     // GUEST_PANICKED
  disk_failed,  // BLOCK_IO_ERROR that stopped the guest
};
struct MonitorEvent {
  Uuid uuid;
  uint64_t boot = 0;
  MonitorNews news = MonitorNews::stopped;
};
struct MonitorReply {
  Token token = 0;
  Status result;
};
struct AgentReady {  // the guest's agent said so
  Uuid uuid;
  uint64_t boot = 0;
};

// Answer to Prepare. Code::corrupt: a part failed its digest; unreachable, exhausted, internal:
// tried again with back-off.
struct Prepared {
  Token token = 0;
  Status result;
};
// Answer to CreateVolume.
struct VolumeCreated {
  Token token = 0;
  Result<model::VolumeStatus> result = model::VolumeStatus{};
};
// Answer to ResizeVolume and ResizeDisk: it is on disk.
struct VolumeResized {
  Token token = 0;
  Status result;
};
struct VolumeRemoved {
  Token token = 0;
  Status result;
};
// Answer to CollectParts: how many files were removed.
struct PartsCollected {
  Token token = 0;
  Result<uint64_t> result = uint64_t{0};
};
struct BuildProgress {
  Token token = 0;
  unsigned percent = 0;
  std::string message;  // "unpacking 120 packages"
};
// Answer to BuildImage: parts are imported; or why not (also after CancelBuild).
struct BuildEnded {
  Token token = 0;
  Result<model::ImageStatus> result = model::ImageStatus{};
};

// Counters of one boot since it started (never lower than before within it); memory_bytes is what
// is used now. An answer to SampleUsage has its token; 0: the rim measured by itself.
struct UsageSample {
  Token token = 0;
  Uuid uuid;
  uint64_t boot = 0;
  Result<model::Usage> usage = model::Usage{};
};

struct TimerFired {
  Token token = 0;
};

struct Event {
  Tick now;
  WallTime wall;
  std::variant<Begin, HostChanged, StoreLoaded, StoreChanged, Committed, LedgerSynced, JailUp,
               JailDown, JailGuests, GuestStarted, GuestStartFailed, GuestExited, TpmLost,
               GuestReleased, MonitorUp, MonitorDown, MonitorEvent, MonitorReply, AgentReady,
               Prepared, VolumeCreated, VolumeResized, VolumeRemoved, PartsCollected, BuildProgress,
               BuildEnded, UsageSample, TimerFired>
      body;
};

}  // namespace bridle::fleet
