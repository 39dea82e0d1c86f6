#include "api/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/free_with.h"

namespace bridle::api {

namespace {

using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using Cert = std::unique_ptr<X509, FreeWith<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

Bio reader(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

int no_passphrase(char*, int, int, void*) { return -1; }

bool use_keys(SSL_CTX* context, const AuthorityKeys& keys) {
  const Cert own(
      PEM_read_bio_X509(reader(keys.server_certificate).get(), nullptr, no_passphrase, nullptr));
  const Key key(
      PEM_read_bio_PrivateKey(reader(keys.server_key).get(), nullptr, no_passphrase, nullptr));
  const Cert authority(
      PEM_read_bio_X509(reader(keys.authority.certificate).get(), nullptr, no_passphrase, nullptr));
  if (!own || !key || !authority) return false;
  // The authority goes along, so that a client can see at first use whom it would trust.
  return SSL_CTX_use_certificate(context, own.get()) == 1 &&
         SSL_CTX_use_PrivateKey(context, key.get()) == 1 &&
         SSL_CTX_check_private_key(context) == 1 &&
         SSL_CTX_add1_chain_cert(context, authority.get()) == 1 &&
         SSL_CTX_add_client_CA(context, authority.get()) == 1 &&
         X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) == 1;
}

bool set_rules(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_verify_depth(context, 1);
  return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_num_tickets(context, 0) == 1 && SSL_CTX_set_max_early_data(context, 0) == 1 &&
         SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1;
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::shared_ptr<TlsContext>> TlsContext::make(const AuthorityKeys& keys) {
  SSL_CTX* const raw = SSL_CTX_new(TLS_server_method());
  if (raw == nullptr) return Error(Code::internal, "OpenSSL makes no context");
  const std::shared_ptr<TlsContext> made(new TlsContext(raw));
  const bool good = set_rules(raw) && use_keys(raw, keys);
  ERR_clear_error();
  if (!good) return Error(Code::invalid, "the host's certificate and key cannot be used");
  return made;
}

}  // namespace bridle::api
