// Keys: Ed25519 over OpenSSL. The host signs the head of its ledger; anyone verifies.
//
// Thread class: immutable values after construction; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/random.h"
#include "base/result.h"

struct evp_pkey_st;

namespace bridle::ledger {

using Signature = std::array<uint8_t, 64>;

struct FreeKey {
  void operator()(evp_pkey_st* key) const;
};
using KeyHandle = std::unique_ptr<evp_pkey_st, FreeKey>;

class PublicKey {
 public:
  static Result<PublicKey> from_pem(std::string_view pem);
  std::string pem() const;
  // 64 hexadecimal digits: SHA-256 of the raw 32 bytes. How people name the key.
  std::string fingerprint() const;
  bool verify(std::string_view message, const Signature& signature) const;

 private:
  friend class SigningKey;
  explicit PublicKey(KeyHandle key) : key_(std::move(key)) {}
  KeyHandle key_;
};

// Seam: who signs heads. SigningKey does; the simulator has one that only hashes.
class Signer {
 public:
  virtual ~Signer() = default;
  virtual Result<Signature> sign(std::string_view message) const = 0;
  virtual std::string fingerprint() const = 0;
};

class SigningKey final : public Signer {
 public:
  static Result<SigningKey> from_seed(std::span<const uint8_t, 32> seed);
  static Result<SigningKey> generate(Random& random);
  static Result<SigningKey> from_pem(std::string_view pem);

  std::string pem() const;  // PKCS#8, not encrypted: a secret
  PublicKey public_key() const;
  Result<Signature> sign(std::string_view message) const override;
  std::string fingerprint() const override { return public_key().fingerprint(); }

 private:
  explicit SigningKey(KeyHandle key) : key_(std::move(key)) {}
  KeyHandle key_;
};

}  // namespace bridle::ledger
