// The boot kit: kernel and initial RAM disk, from the unpacked packages.
// Blocking: reads files.
#pragma once

#include <string>

#include "base/result.h"
#include "image/guest_files.h"
#include "image/recipe.h"

namespace bridle::image {

// The one file /boot/vmlinuz-* of an unpacked kernel package.
Result<std::string> kernel_file(const std::string& kernel_folder);

// The initial RAM disk, not compressed. applets: what this busybox calls itself, one a line
// (`busybox --list`).
Result<std::string> initrd_archive(const Recipe& recipe, const GuestFiles& files,
                                   const std::string& kernel_folder, const std::string& busybox,
                                   std::string_view applets);

}  // namespace bridle::image
