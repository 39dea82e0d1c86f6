#include "model/formats.h"

#include <algorithm>
#include <cctype>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/ids.h"
#include "model/object.h"

namespace bridle::model::formats {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_alnum(char c) { return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

template <typename Test>
bool all(std::string_view text, Test test) {
  return std::all_of(text.begin(), text.end(), test);
}

bool is_name(std::string_view text) { return check_name("", text).ok(); }

bool is_uuid(std::string_view text) { return Uuid::parse(text).ok(); }

// Parsing alone would take the 99th month; only what is printed the same way is a time.
bool is_time(std::string_view text) {
  const auto time = WallTime::parse(text);
  return time.ok() && time->text() == text;
}

bool is_mac(std::string_view text) {
  if (text.size() != 17) return false;
  for (size_t i = 0; i < text.size(); ++i)
    if (i % 3 == 2 ? text[i] != ':' : !is_hex(text[i])) return false;
  const bool group = std::string_view("13579bBdDfF").find(text[1]) != std::string_view::npos;
  return !group && text != "00:00:00:00:00:00";
}

bool is_label_part(std::string_view text) {
  return !text.empty() && text.size() <= 63 && is_alnum(text.front()) && is_alnum(text.back()) &&
         all(text, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_label_key(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return is_label_part(text);
  return is_label_part(text.substr(0, slash)) && is_label_part(text.substr(slash + 1));
}

bool is_label_value(std::string_view text) { return text.empty() || is_label_part(text); }

bool is_host_label(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         all(text, [](char c) { return is_alnum(c) || c == '-'; });
}

bool is_host_name(std::string_view text) {
  if (text.size() > 253) return false;
  while (true) {
    const size_t dot = text.find('.');
    if (!is_host_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_user_name(std::string_view text) {
  return !text.empty() && text.size() <= 32 && (is_lower(text[0]) || text[0] == '_') &&
         all(text, [](char c) { return is_lower(c) || is_digit(c) || c == '_' || c == '-'; });
}

bool is_ssh_key(std::string_view text) {
  const bool known = text.starts_with("ssh-") || text.starts_with("ecdsa-") ||
                     text.starts_with("sk-ssh-") || text.starts_with("sk-ecdsa-");
  const size_t blank = text.find(' ');
  if (!known || blank == std::string_view::npos) return false;
  const std::string_view rest = text.substr(blank + 1);
  const std::string_view key = rest.substr(0, rest.find(' '));
  return key.starts_with("AAAA") &&
         all(key, [](char c) { return is_alnum(c) || c == '+' || c == '/' || c == '='; });
}

bool is_secret_key(std::string_view text) {
  return !text.empty() && text.size() <= 63 &&
         all(text, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_secret_ref(std::string_view text) {
  const size_t slash = text.find('/');
  return slash != std::string_view::npos && is_name(text.substr(0, slash)) &&
         is_secret_key(text.substr(slash + 1));
}

bool is_project_or_all(std::string_view text) { return text == "*" || is_name(text); }

bool is_endpoint(std::string_view text) {
  const auto endpoint = parse_endpoint(text);
  return endpoint.ok() && is_ip_address(endpoint->host);
}

bool is_host_or_address(std::string_view text) {
  return bridle::is_host_name(text) ||
         (text.size() < 64 && text.find('\0') == std::string_view::npos &&
          is_ip_address(std::string(text)));
}

bool is_verb(std::string_view text) {
  return !text.empty() && text.size() <= 32 && is_lower(text[0]) &&
         all(text, [](char c) { return is_lower(c) || c == '-'; });
}

bool is_kind_word(std::string_view text) {
  const KindInfo* kind = find_kind(text);
  return kind != nullptr && kind->singular == text;
}

bool is_machine_id(std::string_view text) {
  if (text.size() < 38 || text.size() > 56 || text[36] != '/') return false;
  return is_uuid(text.substr(0, 36)) && all(text.substr(37), is_digit);
}

bool is_digest(std::string_view text) {
  return text.size() == 64 &&
         all(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

}  // namespace

const Format name{"name",
                  "1 to 63 lower-case letters, digits and dashes, beginning and ending with a "
                  "letter or digit",
                  is_name};
const Format uuid{"uuid", "a uuid of 8-4-4-4-12 hexadecimal digits", is_uuid};
const Format time{"date-time", "a time such as 2026-01-02T03:04:05.678Z", is_time};
const Format mac{"mac", "a unicast MAC address such as 52:54:00:12:34:56", is_mac};
const Format label_key{
    "label-key", "1 to 63 letters, digits, '-', '_' and '.', perhaps after PREFIX/", is_label_key};
const Format label_value{"label-value", "at most 63 letters, digits, '-', '_' and '.'",
                         is_label_value};
const Format host_name{"hostname", "a host name of letters, digits, dashes and dots", is_host_name};
const Format endpoint{"endpoint", "an address and a port such as 192.0.2.1:7443 or [::]:7443",
                      is_endpoint};
const Format host_or_address{"host-or-address", "a host name or an address", is_host_or_address};
const Format user_name{"user-name",
                       "1 to 32 lower-case letters, digits, '_' and '-', not beginning with a "
                       "digit or dash",
                       is_user_name};
const Format ssh_key{"ssh-public-key", "a public key such as \"ssh-ed25519 AAAA... you@there\"",
                     is_ssh_key};
const Format secret_key{"secret-key", "1 to 63 letters, digits, '-', '_' and '.'", is_secret_key};
const Format secret_ref{"secret-reference",
                        "SECRET/KEY, the name of a Secret of this project and a key of its data",
                        is_secret_ref};
const Format project_or_all{"project", "a project's name, or \"*\" for all", is_project_or_all};
const Format verb{"verb", "one lower-case word such as build", is_verb};
const Format kind_word{"kind", "a kind of object such as machine", is_kind_word};
const Format machine_id{"machine-id", "UUID/GENERATION", is_machine_id};
const Format digest{"sha256", "a SHA-256 digest of 64 lower-case hexadecimal digits", is_digest};

}  // namespace bridle::model::formats
