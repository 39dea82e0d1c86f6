// Arguments: from what a guest should be to QEMU's command line and the files that go with it.
//
//   LaunchPlan --launch()--> Launch { argv, files, … } --> rim opens files --> jail Verb::start
//
// Files never appear by path in the arguments: QEMU lives in a root of its own. The i-th of
// Launch::files becomes either descriptor 20 + i (FileUse::inherit; a blockdev on /dev/fdset/i) or
// the read-only file /g/i (FileUse::bind; kernel and initrd), as jail/protocol.h says. For
// FileUse::tpm_key the rim sends a descriptor of the key, and QEMU gets its TPM's socket. The rim
// opens each `path` (O_RDWR where `writable`, else O_RDONLY) and sends the descriptors in order.
//
// The guest starts stopped (-S): machine/monitor.h sets its links down and lets it go, in one write
// on the QMP socket, so that no packet can leave before and no round trip is added.
//
// What users wrote reaches QEMU inside JSON arguments (-blockdev, -device, -netdev, -object) or
// with commas doubled, so it cannot add an option; names are checked again here. Only
// spec.raw.qemu_arguments, which needs a role of its own, are appended as they are, last.
//
// Thread class: pure functions.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "jail/protocol.h"
#include "machine/engine.h"
#include "model/machine.h"

namespace bridle::machine {

// One file of a disk. Formats come from the store ("qcow2" or "raw"), never from the file: a guest
// can write any header into a raw disk.
struct Layer {
  std::string path;
  std::string format;
};

struct DiskPlan {
  std::string name;           // Disk::name
  std::vector<Layer> layers;  // the volume, then what backs it, nearest first; backing is read-only
  bool read_only = false;
};

struct LaunchPlan {
  Uuid uuid;
  std::string name;  // "lab/web": QEMU's process title and QMP name
  model::MachineSpec spec;
  model::Pinned pinned;  // of pin() with this spec
  Engine engine = Engine::tcg;
  std::string kernel;            // path; empty: boot from the disks, in their order
  std::string initrd;            // path; empty: none
  std::string kernel_arguments;  // the image's; what TCG needs and the spec's follow
  std::vector<DiskPlan> disks;   // one for each of spec.disks, same order
  std::string seed_iso;          // path; empty: none
  std::string firmware_code;     // path; empty: BIOS
  std::string firmware_vars;     // path of the machine's own variables; with firmware_code only
  std::string tpm_key;           // path of what the TPM's key is derived from; with spec.tpm only
};

struct FileNeed {
  std::string path;
  jail::FileUse use = jail::FileUse::unused;
  bool writable = false;
  std::string what;  // "disk root", "backing 1 of disk root", "kernel": for messages
};

struct Launch {
  std::vector<std::string> argv;   // argv[0] is qemu_path
  std::vector<FileNeed> files;     // at most jail::max_files
  std::vector<std::string> links;  // QMP names of the interfaces, for MonitorOptions::links
  uint32_t interface_count = 0;    // datagram sockets for the jail to make
};

// Code::invalid: a name, path or format that cannot be used. Code::exhausted: more files or
// interfaces than the jail takes. Code::internal: pinned is not of this spec.
Result<Launch> launch(const LaunchPlan& plan);

// What the sealed memfd of Verb::start holds: argv without argv[0], each followed by NUL.
// REQUIRES: no argument holds NUL (launch() guarantees it).
std::string argument_bytes(const Launch& launch);

// QMP name of an interface's device ("interface-net0"), and of a disk's ("disk-root").
std::string interface_id(std::string_view interface);
std::string disk_id(std::string_view disk);

// The block node that a guest's i-th disk is attached to: what QMP's block_resize names. The
// throttle group of all its disks, as qom-set names it.
std::string disk_node(size_t index);
constexpr std::string_view disk_limits_path = "/objects/disk-limits";
// ThrottleLimits of QMP; 0: none.
boost::json::object throttle_limits(const model::DiskResources& disk);

// UEFI firmware (package ovmf): code, and the variables that a new machine starts with.
struct FirmwareFiles {
  std::string_view code, variables;
};
FirmwareFiles firmware_files(model::Firmware firmware);  // REQUIRES: not bios

// `text` inside a QEMU option value: commas doubled.
std::string escape_option(std::string_view text);

// The path of the object that guest-stats is read from: `qom-get {path, property}`.
constexpr std::string_view balloon_path = "/machine/peripheral/balloon";

}  // namespace bridle::machine
