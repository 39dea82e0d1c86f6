// Identity: who is at the other end of a connection, whatever the connection is, and what was given
// to him. A connection makes the Caller; the Role objects (auth.h) or his own credential
// (credential.h) give the Grants; nothing else in the API asks how he came.
//
// Thread class: values.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace bridle::api {

enum class Role { tenant, auditor, operator_, admin };  // weakest first
inline constexpr std::array all_roles = {Role::tenant, Role::auditor, Role::operator_, Role::admin};
std::string_view name(Role role);

// A role and where it counts.
struct Grant {
  Role role = Role::tenant;
  bool everywhere = false;            // in every project
  std::vector<std::string> projects;  // those that are named
  bool raw_allowed = false;
  bool owner = false;  // of the projects: may grant there what is held there
};

enum class Source {
  local,        // the unix socket: the kernel tells uid and groups
  token,        // a bearer token, over TLS
  certificate,  // a client certificate that this host signed, over TLS
  stranger,     // over TLS, and has shown neither yet: holds nothing
};
std::string_view name(Source source);

struct Caller {
  // Source::local
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  std::vector<gid_t> groups = {};  // supplementary

  Source source = Source::local;
  std::string credential = {};  // token, certificate: its name, unique among the host's
  std::string proof = {};       // and what was shown: the SHA-256 that the store keeps of it
  std::string peer = {};        // address of the other end; empty: local
};

// Who it is, in one word: "uid:1000", "token:ci", "certificate:ann", "stranger". The ledger, the
// limits of requests and idempotency keys know people by this.
std::string who(const Caller& caller);

}  // namespace bridle::api
