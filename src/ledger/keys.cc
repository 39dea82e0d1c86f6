#include "ledger/keys.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdlib>

#include "base/free_with.h"

namespace bridle::ledger {
namespace {

using Bio = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using Context = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;

const uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

Bio bio_over(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

// A pass phrase is never asked for on a terminal: an encrypted key is simply not readable.
int no_pass_phrase(char*, int, int, void*) { return -1; }

Result<KeyHandle> checked(EVP_PKEY* raw, std::string_view what) {
  KeyHandle key(raw);
  ERR_clear_error();
  if (key && EVP_PKEY_get_id(key.get()) == EVP_PKEY_ED25519) return key;
  return Error(Code::corrupt, std::string(what) + " is not an Ed25519 key in PEM");
}

}  // namespace

void FreeKey::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  const Bio bio = bio_over(pem);
  BRIDLE_TRY(
      KeyHandle key,
      checked(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_pass_phrase, nullptr), "the public key"));
  return PublicKey(std::move(key));
}

std::string PublicKey::pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1) std::abort();  // out of memory only
  return text_of(bio.get());
}

std::string PublicKey::fingerprint() const {
  std::array<uint8_t, 32> raw{};
  size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &size) != 1) std::abort();
  return hex(sha256({reinterpret_cast<const char*>(raw.data()), size}));
}

bool PublicKey::verify(std::string_view message, const Signature& signature) const {
  const Context context(EVP_MD_CTX_new());
  const bool good =
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), bytes_of(message),
                       message.size()) == 1;
  ERR_clear_error();
  return good;
}

Result<SigningKey> SigningKey::from_seed(std::span<const uint8_t, 32> seed) {
  BRIDLE_TRY(KeyHandle key, checked(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr,
                                                                 seed.data(), seed.size()),
                                    "the seed"));
  return SigningKey(std::move(key));
}

Result<SigningKey> SigningKey::generate(Random& random) {
  std::array<uint8_t, 32> seed{};
  random.fill(seed);
  auto key = from_seed(seed);
  explicit_bzero(seed.data(), seed.size());
  return key;
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  const Bio bio = bio_over(pem);
  BRIDLE_TRY(KeyHandle key,
             checked(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr),
                     "the private key"));
  return SigningKey(std::move(key));
}

std::string SigningKey::pem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    std::abort();
  return text_of(bio.get());
}

PublicKey SigningKey::public_key() const {
  std::array<uint8_t, 32> raw{};
  size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &size) != 1) std::abort();
  return PublicKey(
      KeyHandle(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw.data(), size)));
}

Result<Signature> SigningKey::sign(std::string_view message) const {
  const Context context(EVP_MD_CTX_new());
  Signature signature{};
  size_t size = signature.size();
  if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
      EVP_DigestSign(context.get(), signature.data(), &size, bytes_of(message), message.size()) ==
          1)
    return signature;
  ERR_clear_error();
  return Error(Code::internal, "OpenSSL cannot sign with the ledger's key");
}

}  // namespace bridle::ledger
