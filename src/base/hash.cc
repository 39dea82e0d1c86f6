#include "base/hash.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace bridle {

std::string hex(const uint8_t* bytes, size_t size) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(size * 2);
  for (size_t i = 0; i < size; ++i) {
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

void Sha256Stream::Free::operator()(evp_md_ctx_st* context) const { ::EVP_MD_CTX_free(context); }

Sha256Stream::Sha256Stream() : context_(::EVP_MD_CTX_new()) {
  ::EVP_DigestInit_ex(context_.get(), ::EVP_sha256(), nullptr);
}

Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::update(std::string_view bytes) {
  ::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

Sha256 Sha256Stream::finish() {
  Sha256 digest{};
  ::EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
  return digest;
}

Sha256 sha256(std::string_view bytes) {
  Sha256Stream stream;
  stream.update(bytes);
  return stream.finish();
}

Result<Sha256> sha256_of_file(int fd) {
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  Sha256Stream stream;
  std::vector<char> chunk(1 << 20);
  off_t offset = 0;
  while (true) {
    const ssize_t n = ::pread(fd, chunk.data(), chunk.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("reading for a digest");
    if (n == 0) return stream.finish();
    stream.update({chunk.data(), static_cast<size_t>(n)});
    offset += n;
  }
}

}  // namespace bridle
