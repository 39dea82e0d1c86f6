// Recipe: how an image is made, as data. A recipe names Debian packages, the files of guest/ that
// go where, and how its kernel is booted; src/image/build.h carries it out.
//
// Every recipe has a boot kit (kernel and initial RAM disk: busybox, the listed kernel modules in
// load order, files) that boots directly, without firmware or boot loader; a recipe with a tree
// also has a disk.
// Thread class: immutable values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bridle::image {

struct RecipeFile {
  std::string guest_file;  // name in GuestFiles
  std::string path;        // in the initrd or the tree, without the leading '/'
  uint32_t mode = 0644;
};

struct Recipe {
  std::string name;
  std::string summary;
  std::vector<std::string> packages;  // with all they depend on: unpacked into the tree
  std::vector<std::string> modules;   // of the initrd, in load order, without ".ko"
  std::vector<RecipeFile> initrd_files;
  std::vector<RecipeFile> tree_files;
  uint64_t disk_size = 0;  // bytes of the virtual disk; 0: the image has none
  std::string kernel_arguments;
  uint64_t least_memory = 0;   // bytes that a guest needs to come up
  bool ignores_users = false;  // it makes no users of the seed

  bool has_disk() const { return disk_size != 0; }
};

// The kernel and the busybox of boot kits, fetched for every recipe.
constexpr std::string_view kernel_package = "linux-image-cloud-amd64";
constexpr std::string_view busybox_package = "busybox-static";

const std::vector<Recipe>& all_recipes();
// Code::not_found names those there are.
Result<const Recipe*> find_recipe(std::string_view name);

}  // namespace bridle::image
