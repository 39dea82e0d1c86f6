// The build helper: makes an image's parts from ROOT/cache, without network, as root of a user
// namespace of its own, and leaves them with a manifest in ROOT/images/incoming/ID/:
//
//   kernel, initrd, disk (where the recipe has one), manifest.json (written last)
//
// Whether a build is needed at all, check_current() says before, run where the store can be read
// (the build helper sees neither the store nor the kept manifest): the inputs are those of the
// manifest that is kept (images/manifests/RECIPE.json) and its parts still have their digests.
//
// Errors: not_found (nothing fetched), corrupt (an archive changed), internal (a tool failed: its
// last words are in the message). Blocking.
#pragma once

#include <string>

#include "base/ids.h"
#include "base/layout.h"
#include "image/guest_files.h"
#include "image/manifest.h"
#include "image/packages.h"
#include "image/progress.h"
#include "image/recipe.h"

namespace bridle::image {

Result<Manifest> build(const Layout& layout, const Recipe& recipe, const Uuid& id,
                       const GuestFiles& files, const Progress& progress);

// Success: the kept image is what build() would make again. gone, corrupt, not_found: it is not.
Status check_current(const Layout& layout, const Recipe& recipe, const GuestFiles& files);

// Removes what build() left for ID.
Status discard(const Layout& layout, const Uuid& id);

std::string incoming_folder(const Layout& layout, const Uuid& id);
std::string kept_manifest(const Layout& layout, const std::string& recipe);
// The digest over everything an image is made of.
std::string inputs_digest(const Recipe& recipe, const PackageSet& set, const GuestFiles& files);

}  // namespace bridle::image
