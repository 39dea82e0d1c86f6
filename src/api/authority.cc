#include "api/authority.h"

#include <algorithm>

namespace bridle::api {

namespace {

constexpr int64_t day = 86'400'000'000'000;
constexpr int64_t authority_life = 3650 * day;
constexpr int64_t server_life = 90 * day;
// Clocks differ: what is signed now is good a little earlier, too.
constexpr int64_t slack = 300'000'000'000;

}  // namespace

Status Authority::put(AuthorityKeys keys) {
  BRIDLE_CHECK(save_(keys).context("saving the host's keys"));
  keys_ = std::move(keys);
  if (changed_) changed_();
  return {};
}

Status Authority::restore(AuthorityKeys keys) {
  BRIDLE_TRY(const CertificateFacts own, read_certificate(keys.authority.certificate));
  BRIDLE_TRY(const CertificateFacts server, read_certificate(keys.server_certificate));
  if (!own.is_authority || server.issuer != own.common_name ||
      !belongs_together(keys.authority.certificate, keys.authority.key) ||
      !belongs_together(keys.server_certificate, keys.server_key))
    return Error(Code::invalid, "the host's keys and certificates do not belong together");
  names_ = server.names;
  keys_ = std::move(keys);
  if (changed_) changed_();
  return {};
}

Result<AuthorityKeys> Authority::with_server(AuthorityKeys keys, WallTime now) const {
  LeafPlan plan;
  plan.common_name = host_.substr(0, 64);
  plan.is_server = true;
  plan.names = names_;
  plan.from = {now.ns - slack};
  plan.until = {now.ns + server_life};
  BRIDLE_TRY(keys.server_key, make_key());
  BRIDLE_TRY(const std::string key, public_key(keys.server_key));
  BRIDLE_TRY(keys.server_certificate, sign_leaf(plan, key, keys.authority));
  return keys;
}

Status Authority::rotate(bool all, WallTime now) {
  AuthorityKeys keys = keys_.value_or(AuthorityKeys{});
  if (all || !keys_) {
    BRIDLE_TRY(keys.authority.key, make_key());
    BRIDLE_TRY(const std::string key, public_key(keys.authority.key));
    // Two authorities of one host differ in their names too, so that errors can tell them apart.
    const std::string name = "Bridle " + host_.substr(0, 40) + " " + hex(sha256(key)).substr(0, 8);
    BRIDLE_TRY(
        keys.authority.certificate,
        make_authority(keys.authority.key, name, {now.ns - slack}, {now.ns + authority_life}));
  }
  BRIDLE_TRY(AuthorityKeys made, with_server(std::move(keys), now));
  return put(std::move(made));
}

Result<bool> Authority::ensure(const std::vector<std::string>& names, WallTime now) {
  const bool renamed = names != names_;
  names_ = names;
  if (!keys_) {
    BRIDLE_CHECK(rotate(true, now));
    return true;
  }
  BRIDLE_TRY(const CertificateFacts server, read_certificate(keys_->server_certificate));
  if (!renamed && server.until.ns - now.ns > server_life / 3) return false;
  BRIDLE_CHECK(rotate(false, now));
  return true;
}

Result<std::string> Authority::sign_client(const std::string& name, const std::string& request,
                                           WallTime now, WallTime until) const {
  if (!keys_)
    return Error(Code::conflict,
                 "this host has no keys yet: declare where it listens (Host, spec.api.listen), or "
                 "`bridle host cert rotate`");
  BRIDLE_TRY(const std::string key, key_of_request(request));
  LeafPlan plan;
  plan.common_name = name;
  plan.from = {now.ns - slack};
  plan.until = until;
  return sign_leaf(plan, key, keys_->authority);
}

}  // namespace bridle::api
