// The seed as a disk: an ISO 9660 image labelled "cidata", made by xorriso as a bounded child. The
// same texts make the same bytes: its dates are fixed.
// Blocking; runs as bridled's uid.
#pragma once

#include <string>

#include "base/ids.h"
#include "base/layout.h"
#include "image/seed.h"

namespace bridle::image {

// ROOT/volumes/seeds/UUID.iso (0600), written whole or not at all.
Result<std::string> write_seed_iso(const Layout& layout, const Uuid& machine,
                                   const SeedTexts& texts);
Status delete_seed_iso(const Layout& layout, const Uuid& machine);
std::string seed_iso_path(const Layout& layout, const Uuid& machine);

}  // namespace bridle::image
