#include "image/ova_manifest.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/free_with.h"
#include "base/hash.h"

namespace bridle::image {
namespace {

constexpr size_t longest_manifest = 64 << 10, most_lines = 128;

using Bio = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using Cert = std::unique_ptr<X509, FreeWith<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Context = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;

struct Algorithm {
  std::string_view name;
  size_t digits;
};
constexpr Algorithm algorithms[] = {{"SHA1", 40}, {"SHA256", 64}, {"SHA384", 96}, {"SHA512", 128}};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

bool is_hex(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// "SHA256(name)= hex", blanks around as programs like them.
Result<ManifestLine> parse_line(std::string_view text, size_t number) {
  const auto wrong = [&](const std::string& what) {
    return Error(Code::refused, "manifest, line " + std::to_string(number) + ": " + what +
                                    "; expected SHA256(FILE)= DIGEST");
  };
  const size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return wrong("not understood");
  ManifestLine line;
  std::string algorithm(text.substr(0, open));
  std::erase(algorithm, ' ');
  std::erase(algorithm, '-');
  std::transform(algorithm.begin(), algorithm.end(), algorithm.begin(),
                 [](char c) { return static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c); });
  line.algorithm = algorithm;
  line.name = text.substr(open + 1, close - open - 1);
  std::string rest = lower(text.substr(close + 1));
  std::erase(rest, ' ');
  if (!rest.starts_with('=')) return wrong("not understood");
  line.digest = rest.substr(1);
  const auto known = std::find_if(std::begin(algorithms), std::end(algorithms),
                                  [&](const Algorithm& a) { return a.name == line.algorithm; });
  if (known == std::end(algorithms)) return wrong("an algorithm that is not known");
  if (!is_hex(line.digest)) return wrong("a digest that is not hexadecimal");
  return line;
}

Result<std::vector<ManifestLine>> parse_lines(std::string_view text) {
  std::vector<ManifestLine> out;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    if (out.size() == most_lines) return Error(Code::refused, "manifest: too many lines");
    BRIDLE_TRY(ManifestLine parsed, parse_line(line, number));
    for (const ManifestLine& other : out)
      if (other.name == parsed.name)
        return Error(Code::refused, "manifest, line " + std::to_string(number) + ": \"" +
                                        parsed.name + "\" is listed twice");
    out.push_back(std::move(parsed));
  }
  return out;
}

Bio bio_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Asks nobody for a passphrase.
int no_passphrase(char*, int, int, void*) { return 0; }

Result<Cert> certificate_of(std::string_view text) {
  Cert cert(PEM_read_bio_X509(bio_of(text).get(), nullptr, no_passphrase, nullptr));
  if (!cert) return Error(Code::refused, "signature: no certificate that can be read");
  return cert;
}

OvaSigner signer_of(X509* cert) {
  OvaSigner out;
  std::array<char, 128> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name.data(),
                            static_cast<int>(name.size()));
  out.name = name.data();
  for (char& c : out.name)
    if (c < ' ' || c > '~') c = '?';
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  X509_digest(cert, EVP_sha256(), digest.data(), &size);
  out.fingerprint = hex(digest.data(), size);
  return out;
}

std::vector<uint8_t> bytes_of(const std::string& digits) {
  std::vector<uint8_t> out;
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i + 1 < digits.size(); i += 2)
    out.push_back(static_cast<uint8_t>(value(digits[i]) << 4 | value(digits[i + 1])));
  return out;
}

// Ed25519 brings its own digest.
const EVP_MD* digest_for(EVP_PKEY* key, const std::string& algorithm) {
  if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) return nullptr;
  return EVP_get_digestbyname(algorithm.c_str());
}

Result<Key> key_of(const std::string& identity) {
  Key key(PEM_read_bio_PrivateKey(bio_of(identity).get(), nullptr, no_passphrase, nullptr));
  if (!key)
    return Error(Code::corrupt,
                 "the file holds no private key (PEM) that can be read without a passphrase");
  return key;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(std::max(0L, size)));
}

// A certificate that says about the key only what it is called.
Result<Cert> self_signed(EVP_PKEY* key, const std::string& common_name) {
  Cert cert(X509_new());
  X509_set_version(cert.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert.get()), 10L * 365 * 24 * 3600);
  X509_set_pubkey(cert.get(), key);
  X509_NAME* name = X509_get_subject_name(cert.get());
  const std::string shortened = common_name.substr(0, 63);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(shortened.c_str()), -1, -1, 0);
  X509_set_issuer_name(cert.get(), name);
  if (X509_sign(cert.get(), key, digest_for(key, "SHA256")) == 0)
    return Error(Code::internal, "the certificate for exports could not be made");
  return cert;
}

}  // namespace

Result<std::vector<ManifestLine>> parse_ova_manifest(std::string_view text) {
  if (text.size() > longest_manifest)
    return Error(Code::refused,
                 "manifest: larger than " + std::to_string(longest_manifest) + " bytes");
  BRIDLE_TRY(auto lines, parse_lines(text));
  for (const ManifestLine& line : lines)
    for (const Algorithm& known : algorithms)
      if (known.name == line.algorithm && known.digits != line.digest.size())
        return Error(Code::refused, "manifest: the digest of \"" + line.name + "\" has " +
                                        std::to_string(line.digest.size()) + " digits, not " +
                                        std::to_string(known.digits));
  return lines;
}

Result<OvaSigner> check_signature(std::string_view certificate, std::string_view manifest,
                                  std::string_view name) {
  if (certificate.size() > longest_manifest)
    return Error(Code::refused,
                 "signature: larger than " + std::to_string(longest_manifest) + " bytes");
  const size_t pem = certificate.find("-----BEGIN");
  if (pem == std::string_view::npos) return Error(Code::refused, "signature: no certificate in it");
  BRIDLE_TRY(const auto lines, parse_lines(certificate.substr(0, pem)));
  if (lines.size() != 1 || lines[0].name != name)
    return Error(Code::refused, "signature: expected one line, for \"" + std::string(name) + "\"");
  if (lines[0].algorithm == "SHA1")
    return Error(Code::refused, "signature: SHA-1 can be forged; sign with SHA-256");
  BRIDLE_TRY(const Cert cert, certificate_of(certificate.substr(pem)));
  EVP_PKEY* key = X509_get0_pubkey(cert.get());
  if (key == nullptr) return Error(Code::refused, "signature: the certificate has no key");
  const Context context(EVP_MD_CTX_new());
  const std::vector<uint8_t> signature = bytes_of(lines[0].digest);
  const bool right =
      EVP_DigestVerifyInit(context.get(), nullptr, digest_for(key, lines[0].algorithm), nullptr,
                           key) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                       reinterpret_cast<const uint8_t*>(manifest.data()), manifest.size()) == 1;
  if (!right)
    return Error(Code::corrupt,
                 "signature: it is not of this manifest: the OVA was changed after "
                 "it was signed; get it again from where it was signed");
  return signer_of(cert.get());
}

Result<std::string> make_signing_identity(const std::string& common_name) {
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{3072}));
  if (!key) return Error(Code::internal, "a key for exports could not be made");
  BRIDLE_TRY(const Cert cert, self_signed(key.get(), common_name));
  const Bio out(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      PEM_write_bio_X509(out.get(), cert.get()) != 1)
    return Error(Code::internal, "the key for exports could not be written");
  return text_of(out.get());
}

Result<std::string> sign_manifest(const std::string& identity, std::string_view manifest,
                                  std::string_view name) {
  BRIDLE_TRY(const Key key, key_of(identity));
  BRIDLE_TRY(const Cert cert, certificate_of(identity));
  const Context context(EVP_MD_CTX_new());
  std::vector<uint8_t> signature(static_cast<size_t>(std::max(0, EVP_PKEY_get_size(key.get()))));
  size_t size = signature.size();
  if (EVP_DigestSignInit(context.get(), nullptr, digest_for(key.get(), "SHA256"), nullptr,
                         key.get()) != 1 ||
      EVP_DigestSign(context.get(), signature.data(), &size,
                     reinterpret_cast<const uint8_t*>(manifest.data()), manifest.size()) != 1)
    return Error(Code::internal, "the export could not be signed");
  const Bio out(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(out.get(), cert.get()) != 1)
    return Error(Code::internal, "the certificate for exports could not be written");
  return "SHA256(" + std::string(name) + ")= " + hex(signature.data(), size) + "\n" +
         text_of(out.get());
}

Result<OvaSigner> signer_of(const std::string& identity) {
  BRIDLE_TRY(const Cert cert, certificate_of(identity));
  return signer_of(cert.get());
}

}  // namespace bridle::image
