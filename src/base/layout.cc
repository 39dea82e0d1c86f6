#include "base/layout.h"

#include <cstdio>

namespace bridle {
namespace {

uint32_t fnv1a(const std::string& text) {
  uint32_t hash = 2166136261u;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash;
}

bool is_normal(const std::string& root) {
  return root.find("//") == std::string::npos && (root + "/").find("/../") == std::string::npos &&
         (root + "/").find("/./") == std::string::npos && root.back() != '/';
}

}  // namespace

Result<Layout> Layout::of(const std::string& root) {
  if (root.size() < 2 || root[0] != '/' || !is_normal(root))
    return Error(Code::invalid, "root \"" + root + "\" must be an absolute path such as " +
                                    "/var/lib/bridle, without \"..\", \"//\" or a trailing '/'");
  if (root.size() > max_root)
    return Error(Code::invalid, "root \"" + root + "\" is longer than " + std::to_string(max_root) +
                                    " characters, which a unix socket's path has no room for");
  const uint32_t hash = fnv1a(root);
  Layout layout;
  layout.root_ = root;
  layout.uid_base_ = 0x10000000u + (hash % 4096) * 131072u;
  char name[32];
  std::snprintf(name, sizeof name, "bridle-%08x", hash);
  layout.cgroup_ = name;
  return layout;
}

}  // namespace bridle
