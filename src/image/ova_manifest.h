// The manifest (.mf) and signature (.cert) of an OVA: who vouches for which bytes.
//
//   SHA256(web.ovf)= 9f86d0…              one line for each other member, each exactly once
//
//   SHA256(web.mf)= 3045…                 signature of the manifest's bytes, hexadecimal
//   -----BEGIN CERTIFICATE-----           and the signer's certificate
//
// SHA-256, SHA-384 and SHA-512 are taken; SHA-1 in a manifest only, with a note, for it finds
// accidents and no attackers. Signatures by RSA, ECDSA and Ed25519 keys; a new identity is RSA,
// which every other program that reads OVAs knows. A certificate is not followed to an authority:
// people compare the fingerprint, or give the certificate that they expect. Thread class: pure
// functions. Errors: Code::corrupt (does not match), Code::refused (malformed).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bridle::image {

struct ManifestLine {
  std::string algorithm;  // "SHA256"
  std::string name;
  std::string digest;  // hexadecimal, lower case
};
Result<std::vector<ManifestLine>> parse_ova_manifest(std::string_view text);

struct OvaSigner {
  std::string name;         // the certificate's common name, printable
  std::string fingerprint;  // SHA-256 of the certificate
};
// Checks that `certificate` (the .cert member) signs `manifest`, the member called `name`.
Result<OvaSigner> check_signature(std::string_view certificate, std::string_view manifest,
                                  std::string_view name);

// A new RSA key of 3072 bits and a certificate of its own for it, both as PEM in one text: a
// secret.
Result<std::string> make_signing_identity(const std::string& common_name);
// The .cert member for a manifest.
Result<std::string> sign_manifest(const std::string& identity, std::string_view manifest,
                                  std::string_view name);
// Of a PEM text with a certificate in it.
Result<OvaSigner> signer_of(const std::string& identity);

}  // namespace bridle::image
