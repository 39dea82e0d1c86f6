// The fetch helper: downloads what a recipe needs into ROOT/cache. The only part of image building
// that has a network; it runs as its own uid, unpacks nothing and runs nothing it fetched.
//
// It drives apt-get with a private state and cache below ROOT/cache/apt, the machine's own sources
// and proxies (image/packages.h) and no hooks. The dependency closure is resolved against an empty
// dpkg status; digests come from the index that apt verified with the system's keyrings, and every
// file is checked against them.
//
//   cache/archives/NAME_VERSION_ARCH.deb    kept over builds
//   cache/sets/RECIPE.json                  PackageSet
//
// Errors: unreachable (mirror), corrupt (a file does not match its digest), not_found.
// Blocking; needs no privilege.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/layout.h"
#include "image/packages.h"
#include "image/progress.h"
#include "image/recipe.h"

namespace bridle::image {

struct FetchOptions {
  // A set younger than this whose files are all there is taken as it is, without network.
  Duration max_age = std::chrono::hours(24);
};

Status fetch(const Layout& layout, const Recipe& recipe, const FetchOptions& options,
             const Progress& progress);

std::string archives_folder(const Layout& layout);
std::string set_file(const Layout& layout, const Recipe& recipe);
// Digest of what is asked of apt: PackageSet::request.
std::string request_digest(const Recipe& recipe);
// Code::corrupt or not_found: the cached file of this package is not the one that was indexed.
Status check_archive(const Layout& layout, const Package& package);

}  // namespace bridle::image
