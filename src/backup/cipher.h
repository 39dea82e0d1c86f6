// Cipher: the pieces of an archive, sealed and opened with AES-256-GCM. Piece N's nonce is N, and
// says whether it is the last: pieces cannot be cut off, swapped or repeated.
//
// Thread class: one thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "backup/archive.h"

namespace bridle::backup {

constexpr size_t tag_size = 16;

class Cipher {
 public:
  // Derives the key (scrypt; takes about 0.1 s and 32 MB). Code::invalid: the secret is too short,
  // or the header's costs are none that Bridle writes.
  static Result<std::unique_ptr<Cipher>> create(const Header& header, std::string_view secret);

  // Ciphertext and tag.
  Result<std::string> seal(std::string_view plain, bool last);
  // Code::corrupt: not what was sealed as this piece.
  Result<std::string> open(std::string_view sealed, bool last);

 private:
  std::array<uint8_t, 12> nonce(bool last) const;

  std::string header_;
  std::array<uint8_t, 32> key_ = {};
  uint64_t count_ = 0;
};

}  // namespace bridle::backup
