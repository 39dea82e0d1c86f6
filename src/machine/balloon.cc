#include "machine/balloon.h"

#include <boost/json.hpp>

namespace bridle::machine {
namespace {

namespace json = boost::json;

constexpr uint64_t absurd = uint64_t{1} << 60;  // QEMU says 2^64 - 1 for what it was not told

uint64_t bytes(const json::object& from, std::string_view key) {
  const json::value* value = from.if_contains(key);
  if (value == nullptr || !value->is_number()) return 0;
  boost::system::error_code wrong;
  const auto number = value->to_number<uint64_t>(wrong);
  return wrong || number >= absurd ? 0 : number;
}

}  // namespace

GuestMemory guest_memory(const json::value& reply) {
  const json::object* all = reply.if_object();
  const json::value* stats = all == nullptr ? nullptr : all->if_contains("stats");
  if (stats == nullptr || !stats->is_object()) return {};
  const json::object& said = stats->get_object();
  return {bytes(said, "stat-total-memory"), bytes(said, "stat-free-memory"),
          bytes(said, "stat-available-memory")};
}

uint64_t balloon_actual(const json::value& reply) {
  const json::object* all = reply.if_object();
  return all == nullptr ? 0 : bytes(*all, "actual");
}

}  // namespace bridle::machine
