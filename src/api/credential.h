// Credential: what lets someone in over the network: a bearer token or a client certificate, with
// the role it gives and the projects it is good for. Kept in the store below /auth/credential/, by
// name. Of the secret the store keeps the SHA-256 only: of a token's 256 random bits (so that a
// plain hash is enough: there is nothing to guess), of a certificate's bytes.
//
//   token as it is sent:  Authorization: Bearer bridle.NAME.SECRET   SECRET: 64 hexadecimal digits
//
// Revoking removes the record: the next request, and within a second every stream that is open,
// finds nothing. An expired one is as good as none and stays listed until it is revoked.
//
// Thread class: values and pure functions; CredentialBook: the loop's thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "api/identity.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/result.h"
#include "model/object.h"
#include "store/store.h"

namespace bridle::api {

namespace json = boost::json;

inline constexpr std::string_view credential_prefix = "/auth/credential/";
inline constexpr size_t max_credentials = 1024;

struct Credential {
  std::string name;
  Source source = Source::token;  // or certificate
  Grant grant;
  std::string proof;  // SHA-256 as hexadecimal digits
  WallTime created, expires;
  std::string issuer;  // who() made it
};

std::string credential_key(std::string_view name);
std::string encode(const Credential& credential);
// Code::corrupt: this is no record.
Result<Credential> decode_credential(std::string_view bytes);
// As people may see it: without the proof.
json::object shown(const Credential& credential, WallTime now);

std::string make_token(std::string_view name, Random& random);

// What a request shows.
struct Bearer {
  std::string name;
  std::string proof;  // SHA-256 of the secret
};
// The value of an Authorization header. Empty: it holds no token of ours.
std::optional<Bearer> read_bearer(std::string_view header);

// The store's credentials, kept until one of them changes.
class CredentialBook {
 public:
  // Reads what changed.
  Status refresh(store::Store& store);
  // Null: none of that name and source has this proof now.
  const Credential* find(Source source, std::string_view name, std::string_view proof,
                         WallTime now) const;
  // The same without proof: to tell about it, never to let anybody in.
  const Credential* named(Source source, std::string_view name, WallTime now) const;
  const std::map<std::string, Credential, std::less<>>& all() const { return all_; }

 private:
  std::map<std::string, Credential, std::less<>> all_;
  Revision at_ = 0;
  bool known_ = false;
};

}  // namespace bridle::api
