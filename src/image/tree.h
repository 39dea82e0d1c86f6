// Tree: unpacks Debian packages into a folder and configures them, without network, as root of a
// user namespace: no device nodes can be made and nothing needs a loop mount.
//
// How: every package is first unpacked with `dpkg-deb -x` (the scripts of any package then find
// libc, a shell and friends), then dpkg installs all of them into the folder (`--root`), which runs
// their scripts in a chroot, fills the dpkg database and sorts the order of configuration itself.
// Device files and /proc are bound for that time only.
// Blocking.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "image/guest_files.h"
#include "image/progress.h"
#include "image/recipe.h"

namespace bridle::image {

// archives: paths of .deb files. REQUIRES: folder exists and is empty.
Status install_packages(const std::string& folder, const std::vector<std::string>& archives,
                        const Progress& progress);

// What makes the tree an image: files of the recipe, init, locked root, empty identity; and the
// kernel's modules, moved from kernel_modules (".../lib/modules").
Status finish_tree(const std::string& folder, const Recipe& recipe, const GuestFiles& files,
                   const std::string& kernel_modules);

}  // namespace bridle::image
