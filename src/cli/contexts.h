// Contexts: the hosts that this user talks to, and how: kept in ~/.config/bridle/contexts.json
// ($XDG_CONFIG_HOME), 0600, for it holds tokens and keys. One that others may read, or that belongs
// to someone else, is not used.
//
//   {"version": 1, "current": "alpha", "contexts": [
//     {"name": "alpha", "server": "alpha.example:7443", "project": "lab", "authority": "PEM",
//      "token": "bridle.…", "certificate": "PEM", "key": "PEM"}]}
//
// Thread class: values. Errors: Code::invalid, corrupt (the file), refused (its mode or owner).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"

namespace bridle::cli {

struct HostContext {
  std::string name;
  Endpoint server;
  std::string project;           // instead of "default"; may be empty
  std::string authority;         // PEM: what was accepted
  std::string token;             // either this
  std::string certificate, key;  // or these, PEM
  bool operator==(const HostContext&) const = default;
};

struct Contexts {
  std::string current;  // empty: the unix socket
  std::vector<HostContext> all;

  const HostContext* find(std::string_view name) const;
  void put(HostContext context);  // replaces one of the same name
  bool remove(std::string_view name);
  bool operator==(const Contexts&) const = default;
};

Result<Contexts> parse_contexts(std::string_view text);
std::string contexts_text(const Contexts& contexts);

// config: $XDG_CONFIG_HOME, home: $HOME; both empty: Code::invalid.
Result<std::string> contexts_file(const std::string& config, const std::string& home);
// A missing file is an empty one.
Result<Contexts> load_contexts(const std::string& file);
Status save_contexts(const std::string& file, const Contexts& contexts);

}  // namespace bridle::cli
