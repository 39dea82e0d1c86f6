#include "fleet/quota.h"

#include <array>
#include <string>

#include "model/quantity.h"

namespace bridle::fleet {
namespace {

struct Resource {
  std::string_view name;
  uint64_t model::ProjectUsage::*amount;
  std::optional<uint64_t> model::Quota::*limit;
  std::string (*print)(uint64_t);
};

std::string count_text(uint64_t count) { return std::to_string(count); }

constexpr std::array<Resource, 5> resources{{
    {"guests", &model::ProjectUsage::guests, &model::Quota::guests, &count_text},
    {"cpus", &model::ProjectUsage::cpus, &model::Quota::cpus, &count_text},
    {"memory", &model::ProjectUsage::memory, &model::Quota::memory, &model::bytes_text},
    {"disk", &model::ProjectUsage::disk, &model::Quota::disk, &model::bytes_text},
    {"operations", &model::ProjectUsage::operations, &model::Quota::operations, &count_text},
}};

}  // namespace

Status check_quota(std::string_view project, const model::Quota& quota,
                   const model::ProjectUsage& used, const model::ProjectUsage& before,
                   const model::ProjectUsage& wanted) {
  std::string over;
  for (const Resource& each : resources) {
    const std::optional<uint64_t>& limit = quota.*each.limit;
    if (!limit || wanted.*each.amount <= before.*each.amount) continue;
    const uint64_t asked = wanted.*each.amount - before.*each.amount;
    const uint64_t now = used.*each.amount;
    if (now <= *limit && asked <= *limit - now) continue;
    over += (over.empty() ? "" : "; ") + std::string(each.name) + ": " + each.print(now) +
            " used, limit " + each.print(*limit) + ", " + each.print(asked) + " more asked";
  }
  if (over.empty()) return {};
  return Error(Code::refused, "the quota of project " + std::string(project) + " is too small: " +
                                  over + ". Delete something, or ask an admin for more");
}

}  // namespace bridle::fleet
