// How the jail's records on disk are made safe to read again: magic and version first, CRC-32C of
// everything before it last.
//
// Thread class: pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridle::jail {

uint32_t crc32c(const void* data, size_t size);
// Code::corrupt with "WHAT PROBLEM".
Error corrupt_record(std::string_view what, std::string_view problem);
// A newer Bridle's record may have another size: its version is looked at first. Code::refused:
// newer than `newest`. -> the version, 1 .. newest.
Result<uint32_t> record_version(std::string_view text, uint32_t wanted, uint32_t newest,
                                std::string_view what);

// T: uint32_t magic and version first, uint32_t checksum last.
template <typename T>
std::string sealed(T& bytes) {
  static_assert(offsetof(T, checksum) + sizeof(uint32_t) == sizeof(T), "nothing hides behind it");
  bytes.checksum = crc32c(&bytes, offsetof(T, checksum));
  return std::string(reinterpret_cast<const char*>(&bytes), sizeof bytes);
}

// REQUIRES: record_version() said which T.
template <typename T>
Result<T> opened_as(std::string_view text, std::string_view what) {
  T bytes;
  if (text.size() != sizeof bytes) return corrupt_record(what, " has a wrong size");
  std::memcpy(&bytes, text.data(), sizeof bytes);
  if (bytes.checksum != crc32c(&bytes, offsetof(T, checksum)))
    return corrupt_record(what, " has a wrong checksum");
  return bytes;
}

// Of a record that has one version so far.
template <typename T>
Result<T> opened(std::string_view text, uint32_t wanted, std::string_view what) {
  if (auto found = record_version(text, wanted, 1, what); !found) return std::move(found).error();
  return opened_as<T>(text, what);
}

}  // namespace bridle::jail
