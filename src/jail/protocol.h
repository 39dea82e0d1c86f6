// What bridled and bridle-jail say to each other: fixed-size binary records on a SOCK_SEQPACKET
// unix socket (ROOT/run/jail.sock), one record a packet, descriptors beside it (SCM_RIGHTS). The
// jail serves only peers whose uid is bridled's. Replies carry the id of their request and may
// come in any order; Verb::exited also comes unasked.
//
// Everything here is little-endian, zero-padded and of one size, so that the privileged side parses
// nothing: it copies a record, compares bounds, acts. QEMU's arguments travel in a sealed memfd
// (NUL-separated argv after argv[0]) that the jail hands to execve without reading their meaning.
//
// Descriptors of Verb::start, in this order:
//   [0]            the sealed memfd of arguments
//   [1 .. ]        `file_count` files, each with a FileUse in `files`:
//     inherit      QEMU inherits it as descriptor 20 + i (for -add-fd fd=20+i,set=i …)
//     bind         visible read-only in QEMU's root as /g/i (kernel, initrd)
//     tpm_key      the guest has a TPM: swtpm is started beside QEMU and reads from here the 32
//                  bytes that encrypt what it keeps in ROOT/tpm/UUID; QEMU inherits a socket to it
//                  as descriptor 20 + i. At most one
// The jail itself adds, listening, as QEMU's descriptors (see GuestFd): monitor, serial, agent; and
// one unix datagram socket for each interface.
#pragma once

#include <cstdint>
#include <type_traits>

namespace bridle::jail {

constexpr uint32_t magic = 0x314a4c42;  // "BLJ1"
constexpr uint16_t version = 1;
constexpr unsigned max_files = 24;
constexpr unsigned max_interfaces = 7;  // descriptors 13 .. 19, before the files

enum class Verb : uint16_t {
  hello = 1,    // -> protocol version; also names every runtime record it knows, as `count`
  start = 2,    // start a guest: attendant, then QEMU. -> pid, start_time
  signal = 3,   // `signal_number` (SIGTERM or SIGKILL) to the guest's QEMU
  limits = 4,   // new cgroup values for a running guest
  list = 5,     // -> one reply a guest, `index` of `count` (count 0: none)
  release = 6,  // forget an exited guest: its cgroup, runtime folder and record
  place = 7,    // move QEMU's vCPU threads to the vcpu cgroup (v1); finds them itself
  helper =
      8,  // run an image helper (HelperKind) with argv memfd [0] and files. -> pid; exited later
  exited = 9,     // unasked: a guest's QEMU or a helper ended, with `exit_status`
  usage = 10,     // -> Usage of one guest
  grow = 11,      // raises `file_size` of a running guest's QEMU: before a disk of its grows
  forget = 12,    // remove what the jail keeps for a machine that is deleted: its TPM's state
  tpm_lost = 13,  // unasked: a guest's TPM ended before the guest; also told by `list`
};

enum class HelperKind : uint16_t {
  fetch = 1,    // may use the network; writes ROOT/cache only
  build = 2,    // no network; root of a user namespace of its own; writes ROOT/images/incoming only
  store = 3,    // no network; the images' uid: checks digests, moves parts into ROOT/images
  convert = 4,  // no network, no folder of ROOT, a uid of its own: only the descriptors given
};

enum class FileUse : uint8_t { unused = 0, inherit = 1, bind = 2, tpm_key = 3 };

// Descriptors that QEMU finds open.
enum GuestFd : int {
  monitor_fd = 10,          // listening unix socket run/g/UUID/qmp.sock
  serial_fd = 11,           // listening unix socket run/g/UUID/serial.sock
  agent_fd = 12,            // listening unix socket run/g/UUID/agent.sock
  first_interface_fd = 13,  // datagram sockets, one an interface, bound to run/g/UUID/net0.sock …
  first_file_fd = 20,
};

struct Limits {
  uint64_t cpu_shares;    // weight, 1000 is ordinary
  uint64_t cpu_quota;     // thousandths of a core, 0: none
  uint64_t memory_limit;  // bytes of the whole QEMU process, 0: none
  uint64_t memory_reservation;
  uint32_t pids;             // threads, 0: the default of 256
  uint32_t cpu_reservation;  // thousandths of a core: the floor of cpu_shares; 0: none
};

struct Usage {
  uint64_t vcpu_ns;
  uint64_t emulator_ns;
  uint64_t bridle_ns;  // the attendant's
  uint64_t memory_bytes;
  uint64_t read_bytes;
  uint64_t write_bytes;
};

struct Request {
  uint32_t magic;
  uint16_t version;
  Verb verb;
  uint64_t id;
  uint8_t uuid[16];
  uint64_t generation;  // MachineId.generation
  // Names this run of QEMU; a start of a boot that is known is a conflict. Signal and release are
  // for this boot and leave any other alone; 0: for whichever there is.
  uint64_t boot;
  uint32_t slot;  // guest slot: uids and folders derive from it; 1 .. Layout::max_slot
  uint32_t signal_number;
  uint32_t file_count;
  uint32_t interface_count;
  FileUse files[max_files];
  Limits limits;
  HelperKind helper;
  uint8_t use_kvm;  // give QEMU /dev/kvm
  uint8_t reserved0[5];
  // QEMU cannot write beyond this many bytes of any file (RLIMIT_FSIZE): one that a guest took over
  // does not fill the host's disk. start: 0 is no bound; grow: 0 is refused.
  uint64_t file_size;
  uint8_t reserved[368];
};

// What became of a guest, as the jail knows it.
enum class GuestState : uint32_t { none = 0, running = 1, exited = 2 };

struct Reply {
  uint32_t magic;
  uint16_t version;
  Verb verb;
  uint64_t id;    // of the request; 0 for Verb::exited
  int32_t error;  // 0, or a bridle::Code + 1
  uint32_t pid;   // on the host; of QEMU or the helper
  uint8_t uuid[16];
  uint64_t generation;
  uint64_t boot;
  uint64_t start_time;  // of pid, clock ticks after boot (/proc/PID/stat field 22)
  uint32_t slot;
  GuestState state;
  int32_t exit_status;  // as of waitpid(2); -1: not known (jail and attendant died together)
  uint32_t index, count;
  uint32_t tpm_lost;  // 1: its TPM ended before it did
  Usage usage;
  char message[192];  // NUL-terminated; why it failed
  uint8_t reserved[184];
};

static_assert(sizeof(Request) == 512 && std::is_trivially_copyable_v<Request>);
static_assert(sizeof(Reply) == 512 && std::is_trivially_copyable_v<Reply>);

}  // namespace bridle::jail
