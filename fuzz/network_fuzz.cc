// rooms: api cli store
// What the network brings before anybody is known, and what is read back of it: Authorization
// headers, certificate requests, endpoints, fingerprints, credentials' records, the file of
// contexts. The first byte chooses.
#include <cstdlib>

#include "api/credential.h"
#include "base/certificate.h"
#include "base/endpoint.h"
#include "cli/contexts.h"

using namespace bridle;

namespace {

void bearer(std::string_view text) {
  const auto read = api::read_bearer(text);
  if (read && (read->proof.size() != 64 || read->name.empty())) std::abort();
}

void endpoint(std::string_view text) {
  const auto read = parse_endpoint(text);
  if (!read.ok()) return;
  const auto again = parse_endpoint(read->text());
  if (!again.ok() || !(*again == *read)) std::abort();
}

void fingerprint(std::string_view text) {
  const auto read = parse_fingerprint(text);
  if (read.ok() && *parse_fingerprint(fingerprint_text(*read)) != *read) std::abort();
}

void credential(std::string_view text) {
  const auto read = api::decode_credential(text);
  if (!read.ok()) return;
  const auto again = api::decode_credential(api::encode(*read));
  if (!again.ok() || api::encode(*again) != api::encode(*read)) std::abort();
}

void contexts(std::string_view text) {
  const auto read = cli::parse_contexts(text);
  if (!read.ok()) return;
  const auto again = cli::parse_contexts(cli::contexts_text(*read));
  if (!again.ok() || !(*again == *read)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'b':
      bearer(text);
      break;
    case 'e':
      endpoint(text);
      break;
    case 'f':
      fingerprint(text);
      break;
    case 'r':
      (void)key_of_request(text).ok();
      break;
    case 'c':
      (void)read_certificate(text).ok();
      break;
    case 'd':
      credential(text);
      break;
    case 'x':
      contexts(text);
      break;
    default:
      break;
  }
  return 0;
}
