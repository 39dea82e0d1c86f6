// What a recipe is made of, and the pure parts of fetching it: which of the machine's apt sources
// are used, what apt's answers mean, and the PackageSet that the fetch helper leaves for the build
// helper (ROOT/cache/sets/RECIPE.json). All of this is text of other programs: bounded, checked.
//
// Thread class: values; pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bridle::image {

struct Package {
  std::string name;     // "libc6"
  std::string version;  // "2.36-9+deb12u10"
  std::string file;     // in ROOT/cache/archives; no '/'
  uint64_t size = 0;
  std::string sha256;  // from the signed index
  auto operator<=>(const Package&) const = default;
};

struct PackageSet {
  std::string request;        // digest of what was asked for; another recipe text fetches anew
  std::vector<Package> boot;  // kernel image and busybox alone
  std::vector<Package> tree;  // the closure of the recipe's packages
};

std::string encode_package_set(const PackageSet& set);
Result<PackageSet> decode_package_set(std::string_view text);

// Lines of `apt-get --print-uris install` with Acquire::ForceHash=SHA256:
//   'http://HOST/pool/main/g/glibc/libc6_2.36_amd64.deb' libc6_2.36_amd64.deb 2758776 SHA256:…
// Other lines are skipped; a malformed one of this shape is Code::corrupt.
Result<std::vector<Package>> parse_print_uris(std::string_view text);

struct SourceFile {
  std::string name;  // ends in ".list" (one line each) or ".sources" (deb822)
  std::string text;
};

// The entries of `files` for Debian's own suites of this release ("bookworm", "bookworm-updates",
// "bookworm-security"), as files of the same kinds (at most two); other entries of a machine
// (vendors, backports) have no say in images. Code::not_found when there are none.
Result<std::vector<SourceFile>> debian_sources(const std::vector<SourceFile>& files,
                                               std::string_view release);

// From `apt-config dump`: how the machine reaches its mirrors (proxies, time-outs), without hooks.
std::string acquire_settings(std::string_view dump);

}  // namespace bridle::image
