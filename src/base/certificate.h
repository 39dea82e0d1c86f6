// Certificates: keys, X.509 certificates and requests for them, over OpenSSL; all of them as PEM.
//
// Keys are ECDSA on P-256, signatures SHA-256. An authority may sign leaves only (path length 0); a
// leaf is for servers or for clients and never for both, so that a client's certificate can stand
// for no server.
//
// A fingerprint is the SHA-256 of the whole certificate, as `openssl x509 -noout -fingerprint
// -sha256` prints it: 32 bytes in upper-case hexadecimal with ':' between.
//
// Thread class: pure functions. Errors: Code::invalid (what was given is not what it should be),
// internal (OpenSSL failed). No error says anything of a private key.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/result.h"

namespace bridle {

constexpr size_t max_pem = 64 << 10;  // bytes of anything that is read here

struct CertificateFacts {
  std::string common_name;         // of the subject; empty: has none
  std::string issuer;              // the issuer's common name
  std::string serial;              // hexadecimal
  std::vector<std::string> names;  // DNS names and addresses it is for
  WallTime from, until;
  Sha256 digest{};  // of the whole certificate
  bool is_authority = false;
};

Result<std::string> make_key();

// Signs itself.
Result<std::string> make_authority(const std::string& key, const std::string& common_name,
                                   WallTime from, WallTime until);

struct Signer {
  std::string key;          // the authority's
  std::string certificate;  // its own
};
struct LeafPlan {
  std::string common_name;
  bool is_server = false;               // else a client
  std::vector<std::string> names = {};  // DNS names and addresses; servers
  WallTime from, until;
};
// public_key: as public_key() or key_of_request() give it.
Result<std::string> sign_leaf(const LeafPlan& plan, const std::string& public_key,
                              const Signer& signer);

Result<std::string> public_key(const std::string& key);
// A certificate request (PKCS #10) with this key.
Result<std::string> make_request(const std::string& key, const std::string& common_name);
// The public key of a request. Untrusted bytes: it must be one PEM block, its signature must be
// good, the key P-256, P-384, Ed25519 or RSA of 2048 to 8192 bits. Nothing else of the request is
// looked at: the authority says what a certificate says.
Result<std::string> key_of_request(std::string_view pem);

// Of the first certificate in the PEM.
Result<CertificateFacts> read_certificate(std::string_view pem);
// Is the key the certificate's?
bool belongs_together(const std::string& certificate, const std::string& key);

std::string fingerprint_text(const Sha256& digest);
// What people typed: any case, with or without ':', perhaps "SHA256:" before it.
Result<Sha256> parse_fingerprint(std::string_view text);

}  // namespace bridle
