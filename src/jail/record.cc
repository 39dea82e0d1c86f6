#include "jail/record.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

#include "jail/sealed_record.h"

namespace bridle::jail {
namespace {

constexpr uint32_t record_magic = 0x31524742;  // "BGR1"
constexpr uint32_t tpm_magic = 0x31544742;     // "BGT1"
constexpr uint32_t exit_magic = 0x31584742;    // "BGX1"
constexpr uint32_t format_version = 1;         // of all but the record
constexpr uint32_t record_version_now = 2;
constexpr const char* record_name = "a guest's record";

// Version 1, which knew no switch.
struct OldRecordBytes {
  uint32_t magic, version;
  uint8_t uuid[16];
  uint64_t generation, boot;
  uint64_t qemu_start, attendant_start;
  uint32_t qemu_pid, attendant_pid;
  uint8_t host_boot[16];
  uint32_t slot;
  uint32_t checksum;
};
static_assert(sizeof(OldRecordBytes) == 88 && std::is_trivially_copyable_v<OldRecordBytes>);

struct RecordBytes {
  OldRecordBytes old;  // its checksum is 0
  uint32_t zone;
  uint8_t attachments[max_interfaces];
  uint8_t interface_count;
  uint32_t checksum;
};
static_assert(sizeof(RecordBytes) == 104 && std::is_trivially_copyable_v<RecordBytes>);

struct TpmBytes {
  uint32_t magic, version;
  uint64_t start_time;
  uint32_t pid, checksum;
};
static_assert(sizeof(TpmBytes) == 24 && std::is_trivially_copyable_v<TpmBytes>);

struct ExitBytes {
  uint32_t magic, version;
  int32_t status;
  char last_words[180];
  uint32_t checksum;
};
static_assert(sizeof(ExitBytes) == 196 && std::is_trivially_copyable_v<ExitBytes>);

}  // namespace

std::string encode(const Record& record) {
  RecordBytes bytes{};
  OldRecordBytes& old = bytes.old;
  old.magic = record_magic;
  old.version = record_version_now;
  std::memcpy(old.uuid, record.uuid.bytes.data(), sizeof old.uuid);
  old.generation = record.generation;
  old.boot = record.boot;
  old.qemu_start = record.qemu.start_time;
  old.attendant_start = record.attendant.start_time;
  old.qemu_pid = record.qemu.pid;
  old.attendant_pid = record.attendant.pid;
  std::memcpy(old.host_boot, record.host_boot.bytes.data(), sizeof old.host_boot);
  old.slot = record.slot;
  bytes.zone = record.zone;
  bytes.interface_count = record.interface_count;
  std::memcpy(bytes.attachments, record.attachments.data(), sizeof bytes.attachments);
  return sealed(bytes);
}

Result<Record> decode_record(std::string_view text) {
  BRIDLE_TRY(const uint32_t found,
             record_version(text, record_magic, record_version_now, record_name));
  RecordBytes bytes{};
  if (found == 1) {
    BRIDLE_TRY(bytes.old, opened_as<OldRecordBytes>(text, record_name));
  } else {
    BRIDLE_TRY(bytes, opened_as<RecordBytes>(text, record_name));
  }
  const OldRecordBytes& old = bytes.old;
  Record record;
  std::memcpy(record.uuid.bytes.data(), old.uuid, sizeof old.uuid);
  record.generation = old.generation;
  record.boot = old.boot;
  record.slot = old.slot;
  record.qemu = {old.qemu_pid, old.qemu_start};
  record.attendant = {old.attendant_pid, old.attendant_start};
  std::memcpy(record.host_boot.bytes.data(), old.host_boot, sizeof old.host_boot);
  record.zone = bytes.zone;
  record.interface_count = bytes.interface_count;
  std::memcpy(record.attachments.data(), bytes.attachments, sizeof bytes.attachments);
  return record;
}

std::string encode(const ProcessId& tpm) {
  TpmBytes bytes{tpm_magic, format_version, tpm.start_time, tpm.pid, 0};
  return sealed(bytes);
}

Result<ProcessId> decode_tpm(std::string_view text) {
  BRIDLE_TRY(const TpmBytes bytes, opened<TpmBytes>(text, tpm_magic, "a TPM's note"));
  return ProcessId{bytes.pid, bytes.start_time};
}

std::string encode(const ExitNote& note) {
  ExitBytes bytes{};
  bytes.magic = exit_magic;
  bytes.version = format_version;
  bytes.status = note.status;
  const std::string words = printable(note.last_words, sizeof bytes.last_words);
  std::memcpy(bytes.last_words, words.data(), words.size());
  return sealed(bytes);
}

Result<ExitNote> decode_exit_note(std::string_view text) {
  BRIDLE_TRY(const ExitBytes bytes, opened<ExitBytes>(text, exit_magic, "an exit note"));
  ExitNote note;
  note.status = bytes.status;
  const size_t size = ::strnlen(bytes.last_words, sizeof bytes.last_words);
  note.last_words = printable({bytes.last_words, size}, sizeof bytes.last_words);
  return note;
}

std::string printable(std::string_view bytes, size_t longest) {
  std::string out(bytes.substr(bytes.size() - std::min(bytes.size(), longest)));
  for (char& c : out)
    if (c < 0x20 || c > 0x7e) c = '.';
  return out;
}

}  // namespace bridle::jail
