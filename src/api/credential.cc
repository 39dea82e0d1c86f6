#include "api/credential.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "base/log.h"
#include "model/json_text.h"

namespace bridle::api {

namespace {

constexpr size_t secret_bytes = 32;
constexpr std::string_view scheme = "Bearer ";
constexpr std::string_view mark = "bridle.";

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Error corrupt(std::string_view what) {
  return Error(Code::corrupt, "a credential's record has no good " + std::string(what));
}

Result<std::string> text_of(const json::object& record, std::string_view key) {
  const json::value* value = record.if_contains(key);
  if (value == nullptr || !value->is_string()) return corrupt(key);
  return std::string(value->get_string());
}

Result<WallTime> time_of(const json::object& record, std::string_view key) {
  BRIDLE_TRY(const std::string text, text_of(record, key));
  const auto time = WallTime::parse(text);
  if (!time.ok()) return corrupt(key);
  return *time;
}

Result<Grant> grant_of(const json::object& record) {
  Grant grant;
  BRIDLE_TRY(const std::string word, text_of(record, "role"));
  const auto* role = std::find_if(all_roles.begin(), all_roles.end(),
                                  [&](Role known) { return name(known) == word; });
  if (role == all_roles.end()) return corrupt("role");
  grant.role = *role;
  const json::value* projects = record.if_contains("projects");
  if (projects == nullptr || !projects->is_array()) return corrupt("projects");
  for (const json::value& project : projects->get_array()) {
    if (!project.is_string()) return corrupt("projects");
    if (project.get_string() == "*")
      grant.everywhere = true;
    else
      grant.projects.emplace_back(project.get_string());
  }
  const json::value* raw = record.if_contains("rawAllowed");
  grant.raw_allowed = raw != nullptr && raw->is_bool() && raw->get_bool();
  return grant;
}

json::object record_of(const Credential& credential) {
  json::array projects;
  if (credential.grant.everywhere) projects.emplace_back("*");
  for (const std::string& project : credential.grant.projects) projects.emplace_back(project);
  return {{"name", credential.name},
          {"source", name(credential.source)},
          {"role", name(credential.grant.role)},
          {"projects", std::move(projects)},
          {"rawAllowed", credential.grant.raw_allowed},
          {"created", credential.created.text()},
          {"expires", credential.expires.text()},
          {"issuer", credential.issuer}};
}

}  // namespace

std::string credential_key(std::string_view name) {
  return std::string(credential_prefix) + std::string(name);
}

std::string encode(const Credential& credential) {
  json::object record = record_of(credential);
  record["proof"] = credential.proof;
  return json::serialize(record);
}

Result<Credential> decode_credential(std::string_view bytes) {
  const auto parsed = model::parse_json(bytes);
  if (!parsed.ok() || !parsed->is_object()) return corrupt("JSON");
  const json::object& record = parsed->get_object();
  Credential out;
  BRIDLE_TRY(out.name, text_of(record, "name"));
  if (!model::check_name("name", out.name).ok()) return corrupt("name");
  BRIDLE_TRY(const std::string source, text_of(record, "source"));
  if (source != name(Source::token) && source != name(Source::certificate))
    return corrupt("source");
  out.source = source == name(Source::token) ? Source::token : Source::certificate;
  BRIDLE_TRY(out.grant, grant_of(record));
  BRIDLE_TRY(out.proof, text_of(record, "proof"));
  if (out.proof.size() != 2 * sizeof(Sha256) || !is_hex(out.proof)) return corrupt("proof");
  BRIDLE_TRY(out.created, time_of(record, "created"));
  BRIDLE_TRY(out.expires, time_of(record, "expires"));
  BRIDLE_TRY(out.issuer, text_of(record, "issuer"));
  return out;
}

json::object shown(const Credential& credential, WallTime now) {
  json::object out = record_of(credential);
  out["expired"] = credential.expires <= now;
  return out;
}

std::string make_token(std::string_view name, Random& random) {
  uint8_t secret[secret_bytes];
  random.fill(secret);
  std::string out = std::string(mark) + std::string(name) + "." + hex(secret, sizeof secret);
  OPENSSL_cleanse(secret, sizeof secret);
  return out;
}

std::optional<Bearer> read_bearer(std::string_view header) {
  if (header.size() > 512 || !header.starts_with(scheme)) return std::nullopt;
  std::string_view token = header.substr(scheme.size());
  if (!token.starts_with(mark)) return std::nullopt;
  token.remove_prefix(mark.size());
  const size_t dot = token.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view secret = token.substr(dot + 1);
  if (secret.size() != 2 * secret_bytes || !is_hex(secret)) return std::nullopt;
  if (!model::check_name("name", token.substr(0, dot)).ok()) return std::nullopt;
  return Bearer{std::string(token.substr(0, dot)), hex(sha256(secret))};
}

Status CredentialBook::refresh(store::Store& store) {
  const Revision now = store.revision();
  if (known_ && now == at_) return {};
  if (known_) {
    const auto changed = store.changes(credential_prefix, at_, 1);
    if (changed.ok() && changed->empty()) {
      at_ = now;
      return {};
    }
  }
  known_ = false;
  BRIDLE_TRY(const store::Listing listing, store.list(credential_prefix));
  all_.clear();
  for (const store::Entry& entry : listing.entries) {
    auto credential = decode_credential(entry.value);
    if (credential.ok() && credential_key(credential->name) == entry.key) {
      const std::string name = credential->name;
      all_.emplace(name, *std::move(credential));
    } else {
      log::warning("a credential cannot be read and lets nobody in", {{"key", entry.key}});
    }
  }
  at_ = listing.revision;
  known_ = true;
  return {};
}

const Credential* CredentialBook::find(Source source, std::string_view name, std::string_view proof,
                                       WallTime now) const {
  const Credential* const found = named(source, name, now);
  if (found == nullptr || found->proof.size() != proof.size()) return nullptr;
  return CRYPTO_memcmp(found->proof.data(), proof.data(), proof.size()) == 0 ? found : nullptr;
}

const Credential* CredentialBook::named(Source source, std::string_view name, WallTime now) const {
  const auto at = all_.find(name);
  if (at == all_.end() || at->second.source != source || at->second.expires <= now) return nullptr;
  return &at->second;
}

}  // namespace bridle::api
