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
// one unix socket for each interface (GuestAttachment).
//
// A switch is one process for each trust zone (docs/decisions/0007-switch-processes.md), named by
// its zone's slot. It runs until switch_stop: the jail starts another whenever it died, and hands
// it what port_open asked for, by itself; switch_start and port_open for what is there already are
// success and change nothing. What the switch is given: wire/port_record.h.
#pragma once

#include <cstdint>
#include <type_traits>

#include "jail/port_order.h"

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
  // A zone's switch; `limits`, `switch_flags`. -> pid, start_time of its process. With
  // switch_restart one that runs is ended by SIGTERM (SIGKILL after 1 s) and started again: a
  // replaced program, announced.
  switch_start = 14,
  // Ends it, closes all its ports. Stopping what is not there is success. With switch_forget what
  // it keeps in ROOT/switch/ZONE goes, too.
  switch_stop = 15,
  switch_list = 16,  // -> one reply a switch, `index` of `count` (count 0: none)
  // `zone`, `port`, a PortOrder as body. -> `port_note`; answers when the descriptors are made.
  // The same order again changes nothing; another one for the same port replaces it.
  port_open = 17,
  port_close = 18,  // closing what is not there is success
  port_list = 19,   // of one zone -> one reply a port, `index` of `count` (count 0: none)
  // `zone`, `port` of a nat port, `forward_count` NatForwards as body: all there should be.
  nat_forwards = 20,
};

enum class HelperKind : uint16_t {
  fetch = 1,    // may use the network; writes ROOT/cache only
  build = 2,    // no network; root of a user namespace of its own; writes ROOT/images/incoming only
  store = 3,    // no network; the images' uid: checks digests, moves parts into ROOT/images
  convert = 4,  // no network, no folder of ROOT, a uid of its own: only the descriptors given
};

// What QEMU's descriptor first_interface_fd + i is, bound to run/g/UUID/netI.sock.
enum class GuestAttachment : uint8_t {
  datagram = 0,    // a datagram socket; its other end is made by port_open
  vhost_user = 1,  // a listening stream socket of the uid of the switch of Request::zone
};

enum SwitchFlag : uint8_t { switch_restart = 1, switch_forget = 2 };

enum class FileUse : uint8_t { unused = 0, inherit = 1, bind = 2, tpm_key = 3 };

// Descriptors that QEMU finds open.
enum GuestFd : int {
  monitor_fd = 10,          // listening unix socket run/g/UUID/qmp.sock
  serial_fd = 11,           // listening unix socket run/g/UUID/serial.sock
  agent_fd = 12,            // listening unix socket run/g/UUID/agent.sock
  first_interface_fd = 13,  // one an interface (GuestAttachment), run/g/UUID/net0.sock …
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
  // does not fill the host's disk. start: 0 is no bound; grow: 0 is refused. It bounds
  // memfds, too: with shared RAM it is that RAM's size at least.
  uint64_t file_size;
  uint32_t zone;  // slot of a trust zone, 1 .. Layout::max_zone; start: 0 if none is vhost_user
  uint32_t port;  // net::Port::id, never 0
  GuestAttachment attachments[max_interfaces];  // start
  uint8_t switch_flags;                         // SwitchFlag
  uint8_t forward_count;
  uint8_t reserved1[7];
  // port_open: a PortOrder; nat_forwards: the NatForwards; else, and behind them, zero.
  uint8_t body[344];
};

// What became of a guest, as the jail knows it.
enum class GuestState : uint32_t { none = 0, running = 1, exited = 2 };

// What is less than was asked for; `message` says why.
enum class PortNote : uint8_t {
  none = 0,
  isolated = 1,  // nat: guests reach each other and the gateway, nothing beyond
  waiting = 2,   // not made yet; tried again (a guest's interface is not there, a device is gone)
};

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
  char message[192];  // NUL-terminated; why it failed, what a guest or switch said last
  uint32_t zone;      // switch_*, port_*
  uint32_t port;
  PortKind port_kind;  // port_list
  PortNote port_note;  // port_open, port_list; nat_forwards
  uint8_t reserved0[2];
  uint32_t deaths;  // switch_*: how often it ended unasked since its start
  char device[16];  // port_open, port_list: the host's name of a tap
  uint8_t reserved[152];
};

static_assert(sizeof(PortOrder) <= sizeof(Request::body));
static_assert(sizeof(NatForward) * max_forwards <= sizeof(Request::body));
static_assert(sizeof(Request) == 512 && std::is_trivially_copyable_v<Request>);
static_assert(sizeof(Reply) == 512 && std::is_trivially_copyable_v<Reply>);

}  // namespace bridle::jail
