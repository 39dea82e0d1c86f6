// Probe: does KVM of this host really run guests?
//
// /dev/kvm that opens proves nothing: there are hosts where it even runs small code and then hangs
// every stock kernel. So the packaged kernel is booted once under KVM, and only when its initramfs
// prints a nonce on the serial console is KVM used; else TCG. A kernel that prints nothing new for
// 60 s hangs; a slow one (a busy machine, KVM inside a guest) that goes on printing has 5 min. The
// answer is cached under everything it depends on (probe_key): kernel and initramfs digests, QEMU's
// build, the CPU and the host's kernel.
//
// The probe runs confined, as an ordinary guest of the jail (Verb::start with use_kvm = 1), and its
// console is read from its attendant like anyone's. Probe is the pure state machine of that:
//
//   start ──ProbeStart──> booting ──serial shows the nonce──> ProbeEnd, ProbeDone(boots)
//                            │ 60 s of silence, 5 min, exit, or refusal
//                            └──> ProbeEnd, ProbeDone(fails, why)
//
// The nonce reaches the guest as the kernel argument bridle.nonce=XYZ; its init answers with a line
// `bridle-probe XYZ`. (The kernel prints its own command line, which holds XYZ too, but never that
// line.)
//
// Thread class: pure functions and a state machine for one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/result.h"
#include "machine/arguments.h"
#include "machine/engine.h"

namespace bridle::machine {

// What the answer depends on. The rim gathers it with host_facts().
struct HostFacts {
  bool kvm = false;            // /dev/kvm is there (the jail, as root, opens it)
  std::string kernel_release;  // uname -r and -v
  std::string cpu_model;       // "GenuineIntel 6/143/8 microcode 0x2b000603": of /proc/cpuinfo
  uint64_t qemu_size = 0;      // bytes of the binary
  int64_t qemu_mtime_ns = 0;
};

// Reads /proc/cpuinfo, uname and stat of qemu_path; under 1 ms. Not pure.
Result<HostFacts> host_facts();
// Of the text of /proc/cpuinfo.
std::string cpu_model_of(std::string_view cpuinfo);

// 64 hexadecimal digits over all facts and the digests of what is booted.
std::string probe_key(const HostFacts& host, std::string_view kernel_digest,
                      std::string_view initrd_digest);

// What was found out, as kept (a JSON object) in ROOT/state/kvm.json.
struct ProbeRecord {
  std::string key;
  bool boots = false;
  std::string why;  // "the kernel printed the nonce after 1.2 s"; for doctor and status.message
  Duration took{};
};
std::string encode(const ProbeRecord& record);
Result<ProbeRecord> decode_probe_record(std::string_view text);

struct EngineChoice {
  Engine engine = Engine::tcg;
  bool must_probe = false;  // run a Probe first; engine is tcg until it is done
  std::string why;          // a sentence for people
};
EngineChoice choose_engine(const HostFacts& host, std::string_view key,
                           const std::optional<ProbeRecord>& cached);

// 16 random bytes as hexadecimal digits.
std::string probe_nonce(Random& random);

// What the probe boots: no disk, no interface, 1 CPU, 256 MiB, KVM. `uuid` is its own random one.
Result<Launch> probe_launch(const Uuid& uuid, std::string_view kernel_path,
                            std::string_view initrd_path, std::string_view kernel_arguments,
                            std::string_view nonce);

struct ProbeBegin {};
struct ProbeSerial {
  std::string_view bytes;  // of the console
};
struct ProbeExited {
  std::string how;  // "exit 1": QEMU ended by itself, or the jail refused to start it
};
struct ProbeTick {};
using ProbeInput = std::variant<ProbeBegin, ProbeSerial, ProbeExited, ProbeTick>;

// Start the guest of probe_launch() through the jail, connect its QMP (a fresh Monitor, which lets
// it go) and its console.
struct ProbeStart {};
struct ProbeEnd {
  bool kill = true;  // false: it ended already; release it in any case
};
struct ProbeDone {
  ProbeRecord record;
};
using ProbeAction = std::variant<ProbeStart, ProbeEnd, ProbeDone>;

class Probe {
 public:
  static constexpr Duration patience = std::chrono::seconds(60);  // with silence
  static constexpr Duration longest = std::chrono::minutes(5);    // in all

  Probe(std::string key, std::string nonce);

  std::vector<ProbeAction> step(Tick now, const ProbeInput& input);
  std::optional<Tick> deadline() const;  // when ProbeTick is due
  bool done() const { return phase_ == Phase::done; }

 private:
  enum class Phase { idle, booting, done };
  void finish(Tick now, bool boots, std::string why, std::vector<ProbeAction>& out);
  bool see(std::string_view bytes);

  std::string key_;
  std::string line_;  // what must be seen
  std::string tail_;  // the last bytes seen, shorter than line_
  uint64_t seen_bytes_ = 0;
  Phase phase_ = Phase::idle;
  bool guest_lives_ = false;
  Tick began_, heard_;
};

}  // namespace bridle::machine
