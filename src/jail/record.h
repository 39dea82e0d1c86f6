// What the jail and its attendants leave on disk in run/g/UUID/, so that whoever is killed can be
// replaced. Little-endian, one size each, magic, version, checksum (CRC-32C of what is before it).
//
//   record   who the guest is, how its interfaces are attached and which processes serve it.
//   Written by the jail only (root), as
//            record.incomplete, then renamed. pid 0: its start had not finished.
//   tpm      which process is the guest's TPM, where it has one. Written by the jail before the
//            record; an older jail does not know it and leaves it alone.
//   exit     how QEMU ended. The file is made empty by the jail and belongs to the attendant, who
//            writes it once, in one write; 0 bytes: not ended yet.
//
// Neither is synced: they outlive processes, not the host. After a host's crash nothing of a guest
// runs, and host_boot tells that the record is of another life of the host.
//
// Thread class: pure functions; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "jail/protocol.h"

namespace bridle::jail {

// A process, so named that a later one with the same pid is another.
struct ProcessId {
  uint32_t pid = 0;
  uint64_t start_time = 0;  // clock ticks after boot, /proc/PID/stat field 22
  bool operator==(const ProcessId&) const = default;
};

struct Record {
  Uuid uuid;
  uint64_t generation = 0;
  uint64_t boot = 0;
  uint32_t slot = 0;
  ProcessId qemu;
  ProcessId attendant;
  Uuid host_boot;     // /proc/sys/kernel/random/boot_id
  uint32_t zone = 0;  // of its switch; this and what follows: 0 in a record of version 1
  uint8_t interface_count = 0;
  std::array<GuestAttachment, max_interfaces> attachments{};
  bool operator==(const Record&) const = default;
};

struct ExitNote {
  int32_t status = -1;     // as of waitpid(2); -1: not known
  std::string last_words;  // end of what QEMU wrote to stderr, printable, at most 180 bytes
  bool operator==(const ExitNote&) const = default;
};

std::string encode(const Record& record);
std::string encode(const ProcessId& tpm);
std::string encode(const ExitNote& note);
// Code::corrupt when size, magic, version or checksum do not fit; refused: a newer Bridle's.
Result<Record> decode_record(std::string_view bytes);
Result<ProcessId> decode_tpm(std::string_view bytes);
Result<ExitNote> decode_exit_note(std::string_view bytes);

// Bytes of a guest's or QEMU's making, fit for a log line: others than printable ASCII become '.'.
std::string printable(std::string_view bytes, size_t longest);

}  // namespace bridle::jail
