#include "blob/index.h"

namespace bridle::blob {

void Index::drop(const std::string& owner, const std::string& digest, Tick now) {
  const auto found = owners_.find(digest);
  if (found == owners_.end()) return;
  found->second.erase(owner);
  if (!found->second.empty()) return;
  owners_.erase(found);
  unreferenced_.emplace(digest, now);
}

void Index::set_references(const std::string& owner, const std::vector<std::string>& digests,
                           Tick now) {
  std::set<std::string> wanted(digests.begin(), digests.end());
  wanted.erase("");
  std::set<std::string> before;
  if (const auto found = references_.find(owner); found != references_.end())
    before = std::move(found->second);
  for (const std::string& digest : wanted) {
    owners_[digest].insert(owner);
    unreferenced_.erase(digest);
  }
  for (const std::string& digest : before)
    if (!wanted.contains(digest)) drop(owner, digest, now);
  if (wanted.empty())
    references_.erase(owner);
  else
    references_[owner] = std::move(wanted);
}

void Index::found(const std::string& digest, Tick now) {
  if (!owners_.contains(digest)) unreferenced_.emplace(digest, now);
}

size_t Index::references(const std::string& digest) const {
  const auto found = owners_.find(digest);
  return found == owners_.end() ? 0 : found->second.size();
}

std::vector<std::string> Index::owners(const std::string& digest) const {
  const auto found = owners_.find(digest);
  if (found == owners_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

std::vector<std::string> Index::collectable(Tick now) const {
  std::vector<std::string> out;
  for (const auto& [digest, since] : unreferenced_)
    if (now - since >= grace_) out.push_back(digest);
  return out;
}

}  // namespace bridle::blob
