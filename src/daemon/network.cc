#include "daemon/network.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "base/file.h"
#include "base/log.h"
#include "model/json_text.h"

namespace bridle::daemon {
namespace json = boost::json;
namespace {

constexpr size_t most_names = 100;

std::string folder(const Layout& layout) { return layout.state() + "/tls"; }
std::string file(const Layout& layout) { return folder(layout) + "/keys.json"; }

std::string field(const json::value& value, std::string_view key) {
  const json::value* found = value.is_object() ? value.get_object().if_contains(key) : nullptr;
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

bool is_any(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

// Of interfaces: the kernel lists those of IPv4 through any socket, those of IPv6 in a file. (A
// netlink socket, which would tell both, is refused to bridled.)
void add_addresses_of_ip4(std::vector<std::string>& out) {
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  std::array<ifreq, most_names> found{};
  ifconf list{};
  list.ifc_len = sizeof found;
  list.ifc_req = found.data();
  if (!fd || ::ioctl(fd.get(), SIOCGIFCONF, &list) != 0) return;
  const size_t count = static_cast<size_t>(list.ifc_len) / sizeof(ifreq);
  for (size_t i = 0; i < std::min(count, found.size()); ++i) {
    char text[INET_ADDRSTRLEN] = {};
    const auto& address = reinterpret_cast<const sockaddr_in&>(found[i].ifr_addr);
    ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    out.emplace_back(text);
  }
}

// Lines of "fe80...0001 02 40 20 80 eth0", the fourth field the scope.
void add_addresses_of_ip6(std::vector<std::string>& out) {
  const auto text = read_file("/proc/self/net/if_inet6", 64 << 10);
  if (!text.ok()) return;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string digits, index, prefix, scope;
    words >> digits >> index >> prefix >> scope;
    for (size_t at = 4; at < digits.size(); at += 5) digits.insert(at, 1, ':');
    in6_addr address{};
    char shown[INET6_ADDRSTRLEN] = {};
    if (scope == "20" || ::inet_pton(AF_INET6, digits.c_str(), &address) != 1)
      continue;  // 20: link
    ::inet_ntop(AF_INET6, &address, shown, sizeof shown);
    out.emplace_back(shown);
  }
}

// Addresses of this host that others may reach it by.
std::vector<std::string> own_addresses() {
  std::vector<std::string> out;
  add_addresses_of_ip4(out);
  add_addresses_of_ip6(out);
  return out;
}

std::vector<std::string> certificate_names(const std::string& host, const model::HostApi& api,
                                           const std::vector<Endpoint>& listen) {
  std::vector<std::string> names = {"localhost", "127.0.0.1", "::1"};
  if (is_host_name(host)) names.push_back(host);
  names.insert(names.end(), api.names.begin(), api.names.end());
  bool any = false;
  for (const Endpoint& endpoint : listen) {
    any = any || is_any(endpoint.host);
    if (!is_any(endpoint.host)) names.push_back(endpoint.host);
  }
  if (any)
    for (std::string& address : own_addresses()) names.push_back(std::move(address));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  names.resize(std::min(names.size(), most_names));
  return names;
}

}  // namespace

Network::Network(Clock& clock, Layout layout, Scribe& scribe, std::string host)
    : clock_(clock),
      layout_(std::move(layout)),
      scribe_(scribe),
      host_(std::move(host)),
      authority_(host_, [this](const api::AuthorityKeys& keys) { return save(keys); }) {
  authority_.on_change([this] { use_keys(); });
}

Status Network::save(const api::AuthorityKeys& keys) {
  if (!refused_keys_.empty()) return Error(Code::conflict, refused_keys_);
  BRIDLE_CHECK(make_folder(folder(layout_), 0700));
  const json::object all = {{"version", 1},
                            {"authorityKey", keys.authority.key},
                            {"authority", keys.authority.certificate},
                            {"serverKey", keys.server_key},
                            {"server", keys.server_certificate}};
  return write_file_durably(file(layout_), json::serialize(all) + "\n", 0600);
}

Status Network::load() {
  if (::access(file(layout_).c_str(), F_OK) != 0) return {};
  // Keys that cannot be read are not replaced by others: every client's pin would break.
  refused_keys_ = file(layout_) +
                  " cannot be used; restore it from a backup, or remove it and let "
                  "every client accept a new fingerprint";
  BRIDLE_TRY(const std::string text, read_file(file(layout_), 256 << 10));
  const auto parsed = model::parse_json(text);
  if (!parsed.ok()) return Error(Code::corrupt, refused_keys_);
  api::AuthorityKeys keys;
  keys.authority = {field(*parsed, "authorityKey"), field(*parsed, "authority")};
  keys.server_key = field(*parsed, "serverKey");
  keys.server_certificate = field(*parsed, "server");
  if (!authority_.restore(std::move(keys)).ok()) return Error(Code::corrupt, refused_keys_);
  refused_keys_.clear();
  return {};
}

void Network::serve(Loop& loop, api::Api& api) {
  server_ = std::make_unique<api::NetServer>(loop.context(), api);
  use_keys();
}

void Network::use_keys() {
  if (!server_ || !authority_.has_keys()) return;
  auto context = api::TlsContext::make(authority_.keys());
  if (!context.ok()) {
    log::error("the host's certificate cannot be used", {{"why", context.error().message()}});
    return;
  }
  server_->use(*std::move(context));
}

Status Network::apply(const model::HostApi& wanted) {
  std::vector<Endpoint> listen;
  for (const std::string& text : wanted.listen) {
    BRIDLE_TRY(Endpoint endpoint, parse_endpoint(text));
    listen.push_back(std::move(endpoint));
  }
  if (!listen.empty()) {
    if (!refused_keys_.empty()) return Error(Code::conflict, refused_keys_);
    BRIDLE_TRY(const bool renewed,
               authority_.ensure(certificate_names(host_, wanted, listen), clock_.wall()));
    if (renewed) log::info("this host's certificate is a new one");
  }
  if (wanted == applied_ && message_.empty()) return {};
  api::NetLimits limits;
  limits.requests_a_second = static_cast<double>(wanted.requests_per_second);
  limits.connections_per_peer = wanted.connections_per_peer;
  limits.connects_a_second =
      std::max(limits.connects_a_second, static_cast<double>(wanted.connections_per_peer) / 4);
  limits.connections = std::max(limits.connections, 2 * limits.connections_per_peer);
  server_->limit(limits);
  Status listening = server_->listen(listen);
  if (wanted.listen != applied_.listen)
    log::info("the API over the network", {{"addresses", std::to_string(listen.size())}});
  applied_ = wanted;
  return listening;
}

void Network::refresh(store::Store& store) { renew(store, true); }

void Network::keep_house(store::Store& store) {
  renew(store, false);
  write(refusals_.tick(clock_.now()));
}

void Network::renew(store::Store& store, bool changes_only) {
  const auto entry = store.get(model::spec_key(model::Kind::host, "", host_));
  if (!server_ || !entry.ok() || !entry->has_value()) return;
  if (changes_only && (*entry)->modified == looked_at_) return;
  looked_at_ = (*entry)->modified;
  const auto object = model::decode_spec(model::Kind::host, (*entry)->value);
  const auto spec =
      object.ok() ? model::host_spec(object->spec) : Result<model::HostSpec>(object.error());
  if (!spec.ok()) return;
  const Status done = apply(spec->api);
  const std::string message = done.ok() ? "" : done.error().message();
  if (message == message_) return;
  message_ = message;
  if (!message.empty()) log::warning("the API over the network", {{"why", message}});
}

model::HostApiStatus Network::status() const {
  model::HostApiStatus status;
  if (server_) status.listening = server_->listening();
  status.message = message_;
  if (!authority_.has_keys() || applied_.listen.empty()) return status;
  const auto own = read_certificate(authority_.keys().authority.certificate);
  const auto server = read_certificate(authority_.keys().server_certificate);
  if (own.ok()) status.fingerprint = fingerprint_text(own->digest);
  if (server.ok()) status.expires = server->until;
  return status;
}

void Network::write(const std::vector<api::Refusals::Told>& told) {
  for (const auto& one : told) {
    log::warning("refused", {{"who", one.actor}, {"what", one.detail}});
    ledger::Entry entry;
    entry.phase = ledger::Phase::note;
    entry.at = clock_.wall();
    entry.actor = one.actor;
    entry.verb = "refused";
    entry.detail = one.detail;
    scribe_.write(std::move(entry), [](Result<uint64_t> seq) {
      if (!seq.ok())
        log::error("a refusal is missing in the ledger", {{"why", seq.error().message()}});
    });
  }
}

void Network::refused(const api::Refusal& refusal) { write(refusals_.add(refusal, clock_.now())); }

void Network::store_changed() {
  if (server_) server_->store_changed();
}

void Network::shut_down() {
  if (server_) server_->shut_down();
}

}  // namespace bridle::daemon
