// SHA-256, over OpenSSL. Digests are compared and stored as 64 lower-case hexadecimal digits.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct evp_md_ctx_st;

namespace bridle {

using Sha256 = std::array<uint8_t, 32>;

std::string hex(const uint8_t* bytes, size_t size);
inline std::string hex(const Sha256& digest) { return hex(digest.data(), digest.size()); }

class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  void update(std::string_view bytes);
  Sha256 finish();  // REQUIRES: called once

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

Sha256 sha256(std::string_view bytes);
// Of the whole file behind fd, read from offset 0 with pread (the position is left alone).
Result<Sha256> sha256_of_file(int fd);

}  // namespace bridle
