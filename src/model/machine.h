// Machine: a guest. Typed views of its spec and status.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/object.h"

namespace bridle::model {

enum class Power { running, paused, stopped };
enum class Restart { never, on_failure, always };
enum class Boot { kernel, disk };
enum class Firmware { bios, uefi, uefi_secure };
// What the guest sees a disk behind: sata an AHCI controller, scsi an LSI SAS1068.
enum class DiskModel { virtio, sata, scsi };
enum class InterfaceModel { virtio, e1000 };
enum class Display { none, vga };

// CPU in thousandths of a core, memory in bytes. limit 0: none.
struct Share {
  uint64_t reservation = 0;  // admission sets this much aside
  uint64_t limit = 0;        // never more than this
  uint64_t shares = 1000;    // weight among those who want more, 1 to 100000
};

struct DiskResources {
  uint64_t read_bytes_per_second = 0;  // limits; 0: none
  uint64_t write_bytes_per_second = 0;
  uint64_t operations_per_second = 0;
  bool operator==(const DiskResources&) const = default;
};

struct Disk {
  std::string name;    // "root"
  std::string volume;  // a Volume of the same project
  bool read_only = false;
  DiskModel model = DiskModel::virtio;
};

struct Interface {
  std::string name;     // "net0"
  std::string network;  // used when the switch exists; "default"
  std::string mac;      // empty: chosen at define and pinned in status
  InterfaceModel model = InterfaceModel::virtio;
};

// When the host starts, lower orders come first; when it stops, last.
struct Autostart {
  uint32_t order = 0;
  Duration delay{};  // after it runs, before a higher order starts
};

struct SeedUser {
  std::string name;
  std::vector<std::string> ssh_keys;
  std::string password_secret;  // Secret/key, as "web-login/password"; empty: locked
};

// What cloud-init's NoCloud source hands to the guest.
struct Seed {
  std::string hostname;  // empty: the machine's name
  std::vector<SeedUser> users;
  std::vector<std::string> run;  // shell commands, once, at the end of the first boot
};

// The escape hatch (design section 5): needs a role of its own, survives every round trip.
struct Raw {
  std::vector<std::string> qemu_arguments;
  std::string user_data;  // replaces the user-data Bridle would write
  bool empty() const { return qemu_arguments.empty() && user_data.empty(); }
};

struct MachineSpec {
  Power power = Power::stopped;
  std::string image;  // an Image of the same project or of project "shared"; empty: boot from disk
  Boot boot = Boot::kernel;  // kernel: the image's, or the first disk where the image has none
  Firmware firmware = Firmware::bios;
  uint32_t cpus = 1;
  uint64_t memory = 128 << 20;      // bytes
  uint64_t memory_target = 0;       // bytes the balloon leaves to the guest; 0: all
  std::string zone;                 // trust zone; empty: the project
  std::vector<std::string> wishes;  // throughput, cloneable, recordable
  Restart restart = Restart::on_failure;
  Duration stop_timeout = std::chrono::seconds(30);  // ACPI, then force
  Autostart autostart;
  std::string kernel_arguments;  // appended to the image's
  std::vector<Disk> disks;
  std::vector<Interface> interfaces;
  Share cpu;
  Share memory_share;  // reservation, limit, shares of memory
  DiskResources disk;
  Display display = Display::none;  // vga: a screen, a keyboard and a mouse, seen by VNC
  bool tpm = false;                 // a TPM 2.0 of its own
  std::optional<Seed> seed;
  Raw raw;
};

// phase: where the machine's life is now. There is no "unknown": what cannot be seen has a phase
// and a reason.
enum class Phase {
  defined,   // never started, or cleanly stopped
  starting,  // the jail was asked, QEMU's monitor does not answer yet
  running,
  paused,
  stopping,  // asked to power down
  failed,    // ended with an error, or cannot be started: see reason; restart policy decides
};

struct PinnedSlot {
  std::string device;  // "disk/root", "interface/net0", "rng", "balloon", "serial"
  uint32_t slot = 0;   // PCI slot on bus 0
};

// What the guest must see again at every start.
struct Pinned {
  std::string machine_type;  // versioned, "pc-i440fx-10.0"
  std::string cpu_model;
  std::vector<PinnedSlot> slots;
  std::vector<std::pair<std::string, std::string>> macs;  // interface name, address
  bool empty() const { return machine_type.empty(); }
};

struct Usage {
  uint64_t vcpu_ns = 0;                      // CPU time of the guest's virtual CPUs
  uint64_t emulator_ns = 0;                  // CPU time of the rest of QEMU
  uint64_t bridle_ns = 0;                    // CPU time Bridle's own processes spent for it
  uint64_t memory_bytes = 0;                 // resident
  uint64_t read_bytes = 0, write_bytes = 0;  // of its disks
  // What the guest's balloon driver says, in bytes; 0: it has not said. Gauges.
  uint64_t balloon_bytes = 0;    // left to the guest
  uint64_t guest_total = 0;      // as its kernel counts
  uint64_t guest_free = 0;       // unused
  uint64_t guest_available = 0;  // could be had without swapping
};

struct MachineStatus {
  Phase phase = Phase::defined;
  std::string reason;                // one CamelCase word: "Running", "ImageTampered", "Killed"
  std::string message;               // a sentence for people, with what to do
  std::string next;                  // what Bridle does next, "restarting in 4s"; may be empty
  std::optional<WallTime> since;     // of the phase
  uint64_t observed_generation = 0;  // metadata.generation this status is about
  uint64_t machine_generation = 0;   // MachineId.generation
  uint64_t boot = 0;                 // rises with every start; names one run of QEMU
  uint32_t pid = 0;                  // QEMU's, on the host
  uint32_t slot = 0;                 // the jail's guest slot (its uid); 0: none
  std::string engine;                // "kvm" or "tcg"
  std::string qemu_version;          // of the QEMU that runs it, "10.0.2"
  std::string attachment;            // "fast", "dense", "recorded"
  uint32_t restarts = 0;
  std::string last_exit;  // "exit 0", "signal 9", empty
  Pinned pinned;
  Usage usage;
};

std::string_view name(Power power);
std::string_view name(Restart restart);
std::string_view name(Firmware firmware);
std::string_view name(Phase phase);

Result<MachineSpec> machine_spec(const json::object& spec);
json::object to_json(const MachineSpec& spec);
Result<MachineStatus> machine_status(const json::object& status);
json::object to_json(const MachineStatus& status);

}  // namespace bridle::model
