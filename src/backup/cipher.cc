#include "backup/cipher.h"

#include <openssl/evp.h>

#include "base/free_with.h"

namespace bridle::backup {
namespace {

constexpr size_t shortest_secret = 8;
constexpr uint64_t most_memory = 256 << 20;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeWith<EVP_CIPHER_CTX_free>>;

const uint8_t* raw(std::string_view bytes) {
  return reinterpret_cast<const uint8_t*>(bytes.data());
}
uint8_t* raw(std::string& bytes) { return reinterpret_cast<uint8_t*>(bytes.data()); }

}  // namespace

Result<std::unique_ptr<Cipher>> Cipher::create(const Header& header, std::string_view secret) {
  if (secret.size() < shortest_secret)
    return Error(Code::invalid, "the passphrase or key file has less than 8 bytes");
  if (header.log2_n < 10 || header.log2_n > 17 || header.r != 8 || header.p != 1)
    return Error(Code::invalid, "the header asks for costs that no Bridle writes");
  auto cipher = std::make_unique<Cipher>();
  cipher->header_ = encode(header);
  if (EVP_PBE_scrypt(secret.data(), secret.size(), header.salt.data(), header.salt.size(),
                     1ull << header.log2_n, header.r, header.p, most_memory, cipher->key_.data(),
                     cipher->key_.size()) != 1)
    return Error(Code::internal, "scrypt failed");
  return cipher;
}

std::array<uint8_t, 12> Cipher::nonce(bool last) const {
  std::array<uint8_t, 12> out = {};
  for (size_t i = 0; i < 8; ++i) out[i] = static_cast<uint8_t>(count_ >> (8 * i));
  out[8] = last ? 1 : 0;
  return out;
}

Result<std::string> Cipher::seal(std::string_view plain, bool last) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  const auto iv = nonce(last);
  std::string out(plain.size() + tag_size, '\0');
  int written = 0, rest = 0;
  const bool sealed =
      context != nullptr &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.data(), iv.data()) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &written, raw(std::string_view(header_)),
                        static_cast<int>(header_.size())) == 1 &&
      EVP_EncryptUpdate(context.get(), raw(out), &written, raw(plain),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), raw(out) + written, &rest) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_size,
                          out.data() + plain.size()) == 1;
  if (!sealed) return Error(Code::internal, "AES-256-GCM failed");
  ++count_;
  return out;
}

Result<std::string> Cipher::open(std::string_view sealed, bool last) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  const auto iv = nonce(last);
  std::string tag(sealed.substr(sealed.size() - tag_size));
  sealed.remove_suffix(tag_size);
  std::string out(sealed.size(), '\0');
  int written = 0, rest = 0;
  const bool opened =
      context != nullptr &&
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_.data(), iv.data()) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &written, raw(std::string_view(header_)),
                        static_cast<int>(header_.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), raw(out), &written, raw(sealed),
                        static_cast<int>(sealed.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_size, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), raw(out) + written, &rest) == 1;
  if (!opened)
    return Error(Code::corrupt,
                 count_ == 0
                     ? "wrong passphrase or key file, or the backup was changed"
                     : "the backup was changed or cut: piece " + std::to_string(count_) + " fails");
  ++count_;
  return out;
}

}  // namespace bridle::backup
