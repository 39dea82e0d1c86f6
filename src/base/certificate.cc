#include "base/certificate.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

#include "base/endpoint.h"
#include "base/free_with.h"

namespace bridle {

namespace {

using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, FreeWith<X509_free>>;
using CertRequest = std::unique_ptr<X509_REQ, FreeWith<X509_REQ_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
using Name = std::unique_ptr<X509_NAME, FreeWith<X509_NAME_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>>;
using Number = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;

Error failed(const char* what) {
  ERR_clear_error();
  return Error(Code::internal, std::string("OpenSSL cannot ") + what);
}

Error not_one(const char* what) {
  ERR_clear_error();
  return Error(Code::invalid, std::string("expected ") + what);
}

Bio reader(std::string_view pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(std::min(pem.size(), max_pem))));
}

std::string written(const Bio& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

// Nobody is asked for a passphrase.
int no_passphrase(char*, int, int, void*) { return -1; }

Result<Key> read_key(const std::string& pem) {
  Key key(PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, no_passphrase, nullptr));
  if (!key) return not_one("a private key in PEM");
  return key;
}

Result<Key> read_public_key(const std::string& pem) {
  Key key(PEM_read_bio_PUBKEY(reader(pem).get(), nullptr, no_passphrase, nullptr));
  if (!key) return not_one("a public key in PEM");
  return key;
}

Result<Cert> read_cert(std::string_view pem) {
  if (pem.size() > max_pem) return not_one("a certificate of at most 64 KiB");
  Cert cert(PEM_read_bio_X509(reader(pem).get(), nullptr, no_passphrase, nullptr));
  if (!cert) return not_one("a certificate in PEM");
  return cert;
}

Result<std::string> pem_of(X509* cert) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_X509(bio.get(), cert) != 1) return failed("write a certificate");
  return written(bio);
}

Result<std::string> pem_of_public(EVP_PKEY* key) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || PEM_write_bio_PUBKEY(bio.get(), key) != 1) return failed("write a public key");
  return written(bio);
}

bool set_time(ASN1_TIME* out, WallTime time) {
  return ASN1_TIME_set(out, static_cast<time_t>(time.ns / 1'000'000'000)) != nullptr;
}

WallTime time_of(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return {static_cast<int64_t>(::timegm(&parts)) * 1'000'000'000};
}

std::string common_name_of(const X509_NAME* name) {
  char text[256];
  const int n = X509_NAME_get_text_by_NID(const_cast<X509_NAME*>(name), NID_commonName, text,
                                          static_cast<int>(sizeof text));
  return n > 0 ? std::string(text, static_cast<size_t>(n)) : std::string();
}

Result<Name> name_of(const std::string& common_name) {
  Name name(X509_NAME_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(common_name.data());
  if (!name || X509_NAME_add_entry_by_NID(name.get(), NID_commonName, MBSTRING_UTF8, bytes,
                                          static_cast<int>(common_name.size()), -1, 0) != 1)
    return not_one("a common name of at most 64 characters");
  return name;
}

bool add(X509* cert, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension && X509_add_ext(cert, extension.get(), -1) == 1;
}

bool push_name(GENERAL_NAMES* names, const std::string& text) {
  GENERAL_NAME* made = GENERAL_NAME_new();
  if (made == nullptr || sk_GENERAL_NAME_push(names, made) == 0) {
    GENERAL_NAME_free(made);
    return false;
  }
  unsigned char bytes[16];
  const int size = ::inet_pton(AF_INET, text.c_str(), bytes) == 1    ? 4
                   : ::inet_pton(AF_INET6, text.c_str(), bytes) == 1 ? 16
                                                                     : 0;
  ASN1_STRING* value = size > 0 ? static_cast<ASN1_STRING*>(ASN1_OCTET_STRING_new())
                                : static_cast<ASN1_STRING*>(ASN1_IA5STRING_new());
  if (value == nullptr) return false;
  GENERAL_NAME_set0_value(made, size > 0 ? GEN_IPADD : GEN_DNS, value);
  return size > 0 ? ASN1_STRING_set(value, bytes, size) == 1
                  : ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) == 1;
}

bool add_names(X509* cert, const std::vector<std::string>& list) {
  if (list.empty()) return true;
  const Names names(sk_GENERAL_NAME_new_null());
  if (!names) return false;
  for (const std::string& text : list)
    if (!push_name(names.get(), text)) return false;
  return X509_add1_ext_i2d(cert, NID_subject_alt_name, names.get(), 0, 0) == 1;
}

bool add_serial(X509* cert) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] &= 0x7f;  // serial numbers are positive
  const Number number(BN_bin2bn(bytes, sizeof bytes, nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(cert)) != nullptr;
}

// Everything but the extensions and the signature.
Result<Cert> begin_cert(const std::string& common_name, EVP_PKEY* key, WallTime from,
                        WallTime until) {
  BRIDLE_TRY(const Name name, name_of(common_name));
  Cert cert(X509_new());
  if (!cert || X509_set_version(cert.get(), X509_VERSION_3) != 1 || !add_serial(cert.get()) ||
      X509_set_subject_name(cert.get(), name.get()) != 1 || X509_set_pubkey(cert.get(), key) != 1 ||
      !set_time(X509_getm_notBefore(cert.get()), from) ||
      !set_time(X509_getm_notAfter(cert.get()), until))
    return failed("make a certificate");
  return cert;
}

std::string address_text(const ASN1_OCTET_STRING* address) {
  char text[INET6_ADDRSTRLEN] = {};
  const int size = ASN1_STRING_length(address);
  if (size != 4 && size != 16) return {};
  ::inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(address), text, sizeof text);
  return text;
}

std::vector<std::string> names_of(X509* cert) {
  std::vector<std::string> out;
  const Names names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(cert, NID_subject_alt_name, nullptr, nullptr)));
  if (!names) return out;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()) && out.size() < 256; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS)
      out.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                       static_cast<size_t>(ASN1_STRING_length(name->d.dNSName)));
    if (name->type == GEN_IPADD) out.push_back(address_text(name->d.iPAddress));
  }
  return out;
}

bool acceptable(EVP_PKEY* key) {
  const int bits = EVP_PKEY_get_bits(key);
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC: {
      char group[32] = {};
      size_t size = 0;
      if (EVP_PKEY_get_group_name(key, group, sizeof group, &size) != 1) return false;
      const std::string_view name(group, size);
      return name == "prime256v1" || name == "P-256" || name == "secp384r1" || name == "P-384";
    }
    case EVP_PKEY_RSA:
      return bits >= 2048 && bits <= 8192;
    case EVP_PKEY_ED25519:
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<std::string> make_key() {
  const Key key(EVP_EC_gen("P-256"));
  const Bio bio(BIO_new(BIO_s_secmem()));
  if (!key || !bio ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1)
    return failed("make a key");
  return written(bio);
}

Result<std::string> public_key(const std::string& pem) {
  BRIDLE_TRY(const Key key, read_key(pem));
  return pem_of_public(key.get());
}

Result<std::string> make_authority(const std::string& pem, const std::string& common_name,
                                   WallTime from, WallTime until) {
  BRIDLE_TRY(const Key key, read_key(pem));
  BRIDLE_TRY(const Cert cert, begin_cert(common_name, key.get(), from, until));
  X509* const raw = cert.get();
  if (X509_set_issuer_name(raw, X509_get_subject_name(raw)) != 1 ||
      !add(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add(raw, raw, NID_subject_key_identifier, "hash") ||
      X509_sign(raw, key.get(), EVP_sha256()) == 0)
    return failed("make an authority");
  return pem_of(raw);
}

Result<std::string> sign_leaf(const LeafPlan& plan, const std::string& pem, const Signer& signer) {
  BRIDLE_TRY(const Key key, read_public_key(pem));
  BRIDLE_TRY(const Key authority_key, read_key(signer.key));
  BRIDLE_TRY(const Cert authority, read_cert(signer.certificate));
  BRIDLE_TRY(const Cert cert, begin_cert(plan.common_name, key.get(), plan.from, plan.until));
  X509* const raw = cert.get();
  if (X509_set_issuer_name(raw, X509_get_subject_name(authority.get())) != 1 ||
      !add(raw, authority.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add(raw, authority.get(), NID_key_usage, "critical,digitalSignature") ||
      !add(raw, authority.get(), NID_ext_key_usage, plan.is_server ? "serverAuth" : "clientAuth") ||
      !add(raw, authority.get(), NID_subject_key_identifier, "hash") ||
      !add(raw, authority.get(), NID_authority_key_identifier, "keyid") ||
      !add_names(raw, plan.names) || X509_sign(raw, authority_key.get(), EVP_sha256()) == 0)
    return failed("sign a certificate");
  return pem_of(raw);
}

Result<std::string> make_request(const std::string& pem, const std::string& common_name) {
  BRIDLE_TRY(const Key key, read_key(pem));
  BRIDLE_TRY(const Name name, name_of(common_name));
  const CertRequest request(X509_REQ_new());
  const Bio bio(BIO_new(BIO_s_mem()));
  if (!request || !bio || X509_REQ_set_subject_name(request.get(), name.get()) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) == 0 ||
      PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1)
    return failed("make a certificate request");
  return written(bio);
}

Result<std::string> key_of_request(std::string_view pem) {
  constexpr std::string_view begin = "-----BEGIN CERTIFICATE REQUEST-----";
  if (pem.size() > max_pem || !pem.starts_with(begin))
    return not_one("a certificate request in PEM, of at most 64 KiB");
  const CertRequest request(
      PEM_read_bio_X509_REQ(reader(pem).get(), nullptr, no_passphrase, nullptr));
  if (!request) return not_one("a certificate request in PEM");
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || !acceptable(key))
    return not_one("a key on P-256 or P-384, Ed25519, or RSA of 2048 to 8192 bits");
  if (X509_REQ_verify(request.get(), key) != 1) return not_one("a request signed with its own key");
  return pem_of_public(key);
}

Result<CertificateFacts> read_certificate(std::string_view pem) {
  BRIDLE_TRY(const Cert cert, read_cert(pem));
  CertificateFacts facts;
  facts.common_name = common_name_of(X509_get_subject_name(cert.get()));
  facts.issuer = common_name_of(X509_get_issuer_name(cert.get()));
  const Number serial(ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert.get()), nullptr));
  if (char* digits = serial ? BN_bn2hex(serial.get()) : nullptr; digits != nullptr) {
    facts.serial = digits;
    OPENSSL_free(digits);
  }
  facts.names = names_of(cert.get());
  facts.from = time_of(X509_get0_notBefore(cert.get()));
  facts.until = time_of(X509_get0_notAfter(cert.get()));
  unsigned int size = 0;
  if (X509_digest(cert.get(), EVP_sha256(), facts.digest.data(), &size) != 1)
    return failed("hash a certificate");
  facts.is_authority = X509_check_ca(cert.get()) == 1;
  ERR_clear_error();
  return facts;
}

bool belongs_together(const std::string& certificate, const std::string& key) {
  const auto cert = read_cert(certificate);
  const auto own = read_key(key);
  const bool same =
      cert.ok() && own.ok() && X509_check_private_key((*cert).get(), (*own).get()) == 1;
  ERR_clear_error();
  return same;
}

std::string fingerprint_text(const Sha256& digest) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const uint8_t byte : digest) {
    if (!out.empty()) out += ':';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

Result<Sha256> parse_fingerprint(std::string_view text) {
  const Error wrong(Code::invalid,
                    "expected a fingerprint: 32 bytes in hexadecimal, as `bridle host cert show` "
                    "prints it");
  for (const std::string_view before : {"SHA256:", "sha256:"})
    if (text.starts_with(before)) text.remove_prefix(before.size());
  Sha256 out{};
  size_t digits = 0;
  for (const char c : text) {
    if (c == ':' && digits % 2 == 0) continue;
    const int value = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (value < 0 || digits == 64) return wrong;
    out[digits / 2] = static_cast<uint8_t>(out[digits / 2] << 4 | value);
    ++digits;
  }
  if (digits != 64) return wrong;
  return out;
}

}  // namespace bridle
