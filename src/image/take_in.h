// The store helper, run as the images' uid: takes what a build left into the store of parts, whose
// files nobody else can write.
//
//   images/parts/SHA256           0444, content-addressed
//   images/manifests/RECIPE.json  the manifest whose parts are kept for reuse
//
// A part is copied, never renamed: its builder might still hold the old file open for writing. The
// digest is taken from the bytes that are written, and must be the manifest's; the copy is synced
// before it gets its name. What is there already is digested again, and replaced if it is wrong.
// Blocking.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/layout.h"
#include "image/manifest.h"
#include "image/progress.h"

namespace bridle::image {

// Where the store has the part of this digest.
std::string part_path(const Layout& layout, const std::string& digest);

// Code::corrupt: a file is not what the manifest says.
Result<Manifest> take_in(const Layout& layout, const Uuid& id, const Progress& progress);

// Full digest of a part in the store; Code::corrupt when its bytes changed.
Status check_part(const Layout& layout, const std::string& digest);

// Whether a file of the store is one that was not finished: it has its name when it is complete.
bool is_draft(std::string_view name);

// Removes these parts and every draft, but nothing younger than `grace`: a build that is about to
// refer to a part may have just brought it. A draft that is there while no build and no import runs
// is what a killed helper left; whoever calls this with no grace sees to it that none runs. Gives
// the names removed.
Result<std::vector<std::string>> collect(const Layout& layout,
                                         const std::vector<std::string>& digests, Duration grace);

}  // namespace bridle::image
