#include "jail/record.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

namespace bridle::jail {
namespace {

constexpr uint32_t record_magic = 0x31524742;  // "BGR1"
constexpr uint32_t tpm_magic = 0x31544742;     // "BGT1"
constexpr uint32_t exit_magic = 0x31584742;    // "BGX1"
constexpr uint32_t format_version = 1;

struct RecordBytes {
  uint32_t magic, version;
  uint8_t uuid[16];
  uint64_t generation, boot;
  uint64_t qemu_start, attendant_start;
  uint32_t qemu_pid, attendant_pid;
  uint8_t host_boot[16];
  uint32_t slot;
  uint32_t checksum;
};
static_assert(sizeof(RecordBytes) == 88 && std::is_trivially_copyable_v<RecordBytes>);

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

uint32_t crc32c(const void* data, size_t size) {
  uint32_t crc = ~0u;
  const auto* bytes = static_cast<const uint8_t*>(data);
  for (size_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
  }
  return ~crc;
}

template <typename T>
std::string sealed(T& bytes) {
  bytes.checksum = crc32c(&bytes, offsetof(T, checksum));
  return std::string(reinterpret_cast<const char*>(&bytes), sizeof bytes);
}

// noinline: GCC 12 warns wrongly about the strings when it inlines this.
[[gnu::noinline]] Error corrupt(std::string_view what, std::string_view problem) {
  std::string message(what);
  message += problem;
  return Error(Code::corrupt, std::move(message));
}

// A newer Bridle's record may have another size: its version is looked at first.
Status check_version(std::string_view text, uint32_t magic, std::string_view what) {
  uint32_t words[2];
  if (text.size() < sizeof words) return corrupt(what, " has a wrong size");
  std::memcpy(words, text.data(), sizeof words);
  if (words[0] != magic) return corrupt(what, " has a wrong magic");
  if (words[1] == format_version) return {};
  if (words[1] < format_version) return corrupt(what, " has an unknown version");
  return Error(Code::refused, "downgrade refused: " + std::string(what) + " has version " +
                                  std::to_string(words[1]) +
                                  ", written by a newer Bridle: install that one again, or end its "
                                  "guests first");
}

template <typename T>
Result<T> opened(std::string_view text, uint32_t magic, std::string_view what) {
  BRIDLE_CHECK(check_version(text, magic, what));
  T bytes;
  if (text.size() != sizeof bytes) return corrupt(what, " has a wrong size");
  std::memcpy(&bytes, text.data(), sizeof bytes);
  if (bytes.checksum != crc32c(&bytes, offsetof(T, checksum)))
    return corrupt(what, " has a wrong checksum");
  return bytes;
}

}  // namespace

std::string encode(const Record& record) {
  RecordBytes bytes{};
  bytes.magic = record_magic;
  bytes.version = format_version;
  std::memcpy(bytes.uuid, record.uuid.bytes.data(), sizeof bytes.uuid);
  bytes.generation = record.generation;
  bytes.boot = record.boot;
  bytes.qemu_start = record.qemu.start_time;
  bytes.attendant_start = record.attendant.start_time;
  bytes.qemu_pid = record.qemu.pid;
  bytes.attendant_pid = record.attendant.pid;
  std::memcpy(bytes.host_boot, record.host_boot.bytes.data(), sizeof bytes.host_boot);
  bytes.slot = record.slot;
  return sealed(bytes);
}

Result<Record> decode_record(std::string_view text) {
  BRIDLE_TRY(const RecordBytes bytes, opened<RecordBytes>(text, record_magic, "a guest's record"));
  Record record;
  std::memcpy(record.uuid.bytes.data(), bytes.uuid, sizeof bytes.uuid);
  record.generation = bytes.generation;
  record.boot = bytes.boot;
  record.slot = bytes.slot;
  record.qemu = {bytes.qemu_pid, bytes.qemu_start};
  record.attendant = {bytes.attendant_pid, bytes.attendant_start};
  std::memcpy(record.host_boot.bytes.data(), bytes.host_boot, sizeof bytes.host_boot);
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
