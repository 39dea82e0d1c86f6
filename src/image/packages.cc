#include "image/packages.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "image/manifest.h"

namespace bridle::image {
namespace {

namespace json = boost::json;

constexpr size_t longest_set = 4 << 20;
constexpr size_t most_packages = 4000;
constexpr uint64_t largest_package = uint64_t{4} << 30;

bool is_plain(std::string_view text, std::string_view more) {
  return !text.empty() && text.size() <= 255 && text[0] != '.' && text[0] != '-' &&
         std::all_of(text.begin(), text.end(), [&](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  more.find(static_cast<char>(c)) != std::string_view::npos;
         });
}

Status check(const Package& p) {
  if (!is_plain(p.name, "+-.")) return Error(Code::corrupt, "package name \"" + p.name + "\"");
  if (!is_plain(p.version, "+-.:~")) return Error(Code::corrupt, "version of " + p.name);
  if (!is_plain(p.file, "+-.:~_%")) return Error(Code::corrupt, "file name of " + p.name);
  if (!is_digest(p.sha256)) return Error(Code::corrupt, "digest of " + p.name);
  if (p.size == 0 || p.size > largest_package) return Error(Code::corrupt, "size of " + p.name);
  return {};
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(at), text.size());
    if (end > 0) out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

// "libc6_2.36-9%2b1_amd64.deb": the version's ':' is "%3a" there, nothing else is escaped.
Status name_and_version(Package& p) {
  const auto parts = split(p.file, '_');
  if (parts.size() != 3) return Error(Code::corrupt, "file name " + p.file);
  p.name = parts[0];
  p.version = parts[1];
  for (size_t at = p.version.find('%'); at != std::string::npos; at = p.version.find('%', at + 1)) {
    if (p.version.compare(at, 3, "%3a") != 0 && p.version.compare(at, 3, "%3A") != 0)
      return Error(Code::corrupt, "file name " + p.file);
    p.version.replace(at, 3, ":");
  }
  return {};
}

Result<Package> parse_uri_line(std::string_view line) {
  const auto words = split(line, ' ');
  const Error bad(Code::corrupt, "apt-get --print-uris: " + std::string(line.substr(0, 200)));
  if (words.size() != 4 || !words[3].starts_with("SHA256:")) return bad;
  Package p;
  p.file = words[1];
  const auto [end, wrong] =
      std::from_chars(words[2].data(), words[2].data() + words[2].size(), p.size);
  if (wrong != std::errc() || end != words[2].data() + words[2].size()) return bad;
  p.sha256 = words[3].substr(7);
  BRIDLE_CHECK(name_and_version(p));
  BRIDLE_CHECK(check(p).context("apt-get --print-uris"));
  return p;
}

json::array packages_json(const std::vector<Package>& packages) {
  json::array out;
  for (const Package& p : packages)
    out.push_back(json::object{{"name", p.name},
                               {"version", p.version},
                               {"file", p.file},
                               {"size", p.size},
                               {"sha256", p.sha256}});
  return out;
}

std::string text_or_empty(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

Result<std::vector<Package>> packages_of(const json::object& object, std::string_view key) {
  const json::value* list = object.if_contains(key);
  if (list == nullptr || !list->is_array() || list->get_array().size() > most_packages)
    return Error(Code::corrupt, "package set: " + std::string(key) + ": expected a list");
  std::vector<Package> out;
  for (const json::value& item : list->get_array()) {
    if (!item.is_object()) return Error(Code::corrupt, "package set: expected an object");
    const json::object& o = item.get_object();
    boost::system::error_code wrong;
    const json::value* size = o.if_contains("size");
    Package p{text_or_empty(o, "name"), text_or_empty(o, "version"), text_or_empty(o, "file"),
              size == nullptr ? 0 : size->to_number<uint64_t>(wrong), text_or_empty(o, "sha256")};
    BRIDLE_CHECK(check(p).context("package set"));
    out.push_back(std::move(p));
  }
  return out;
}

bool is_debian_suite(std::string_view suite, std::string_view release) {
  if (!suite.starts_with(release)) return false;
  const std::string_view rest = suite.substr(release.size());
  return rest.empty() || rest == "-updates" || rest == "-security";
}

// "deb [options] URI SUITE COMPONENT…": the word after the URI.
bool list_line_fits(std::string_view line, std::string_view release) {
  std::string plain(line);
  const size_t open = plain.find('['), shut = plain.find(']');
  if (open != std::string::npos && shut != std::string::npos && open < shut)
    plain.erase(open, shut - open + 1);
  std::replace(plain.begin(), plain.end(), '\t', ' ');
  const auto words = split(plain, ' ');
  return words.size() >= 4 && words[0] == "deb" && is_debian_suite(words[2], release) &&
         std::find(words.begin() + 3, words.end(), "main") != words.end();
}

std::vector<std::string> stanzas_of(std::string_view text) {
  std::vector<std::string> out(1);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos)
      out.emplace_back();
    else if (line[0] != '#')
      out.back().append(line).append("\n");
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

// The stanza with its suites cut down to Debian's; empty when none is left.
std::string fitting_stanza(const std::string& stanza, std::string_view release) {
  std::string out;
  bool fits = false, binary = false;
  for (const std::string_view line : split(stanza, '\n')) {
    if (line.starts_with("Enabled:") && line.find("no") != std::string_view::npos) return {};
    if (line.starts_with("Types:"))
      for (const auto word : split(line.substr(6), ' ')) binary = binary || word == "deb";
    if (!line.starts_with("Suites:")) {
      out.append(line.starts_with("Types:") ? "Types: deb" : line).append("\n");
      continue;
    }
    out += "Suites:";
    for (const auto word : split(line.substr(7), ' ')) {
      if (!is_debian_suite(word, release)) continue;
      out.append(" ").append(word);
      fits = true;
    }
    out += '\n';
  }
  return fits && binary ? out + "\n" : std::string();
}

}  // namespace

std::string encode_package_set(const PackageSet& set) {
  return json::serialize(json::object{{"format", 1},
                                      {"request", set.request},
                                      {"boot", packages_json(set.boot)},
                                      {"tree", packages_json(set.tree)}}) +
         "\n";
}

Result<PackageSet> decode_package_set(std::string_view text) {
  if (text.size() > longest_set) return Error(Code::corrupt, "package set: too long");
  boost::system::error_code wrong;
  json::parse_options options;
  options.max_depth = 4;
  const json::value value =
      json::parse(json::string_view(text.data(), text.size()), wrong, {}, options);
  if (wrong || !value.is_object()) return Error(Code::corrupt, "package set: not a JSON object");
  const json::object& object = value.get_object();
  const json::value* format = object.if_contains("format");
  if (format == nullptr || !format->is_int64() || format->get_int64() != 1)
    return Error(Code::corrupt, "package set: of another version of Bridle");
  PackageSet out;
  out.request = text_or_empty(object, "request");
  if (!is_digest(out.request)) return Error(Code::corrupt, "package set: request");
  BRIDLE_TRY(out.boot, packages_of(object, "boot"));
  BRIDLE_TRY(out.tree, packages_of(object, "tree"));
  return out;
}

Result<std::vector<Package>> parse_print_uris(std::string_view text) {
  std::vector<Package> out;
  for (const std::string_view line : split(text, '\n')) {
    if (line[0] != '\'') continue;
    if (out.size() == most_packages) return Error(Code::exhausted, "more than 4000 packages");
    BRIDLE_TRY(Package package, parse_uri_line(line));
    out.push_back(std::move(package));
  }
  return out;
}

Result<std::vector<SourceFile>> debian_sources(const std::vector<SourceFile>& files,
                                               std::string_view release) {
  std::string lines, stanzas;
  for (const SourceFile& file : files) {
    if (file.name.ends_with(".list")) {
      for (const std::string_view line : split(file.text, '\n'))
        if (list_line_fits(line, release)) lines.append(line).append("\n");
    } else if (file.name.ends_with(".sources")) {
      for (const std::string& stanza : stanzas_of(file.text))
        stanzas += fitting_stanza(stanza, release);
    }
  }
  std::vector<SourceFile> out;
  if (!lines.empty()) out.push_back({"debian.list", lines});
  if (!stanzas.empty()) out.push_back({"debian.sources", stanzas});
  if (out.empty())
    return Error(Code::not_found, "this machine's apt sources name no Debian \"" +
                                      std::string(release) +
                                      "\"; add one in /etc/apt/sources.list.d");
  return out;
}

std::string acquire_settings(std::string_view dump) {
  std::string out;
  for (const std::string_view line : split(dump, '\n')) {
    if (!line.starts_with("Acquire::") || line.starts_with("Acquire::IndexTargets")) continue;
    if (line.starts_with("Acquire::Allow")) continue;  // only signed sources, whatever the machine
    out.append(line).append("\n");
  }
  return out;
}

}  // namespace bridle::image
