#include "fleet/journal.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>

namespace bridle::fleet {
namespace {

constexpr size_t number_width = 16;
constexpr size_t name_room = 40;

std::optional<uint64_t> number_of(std::string_view key) {
  if (key.size() < number_width) return std::nullopt;
  std::string_view digits = key.substr(key.size() - number_width);
  uint64_t number = 0;
  auto [end, error] = std::from_chars(digits.begin(), digits.end(), number, 16);
  if (error != std::errc() || end != digits.end()) return std::nullopt;
  return number;
}

// The store key of an event: where its object lives; what has no project is filed under "host".
std::string project_of(const model::Object& about) {
  return about.metadata.project.empty() ? "host" : about.metadata.project;
}

}  // namespace

void Journal::say(const model::Object& about, Level level, std::string_view reason,
                  std::string_view message, std::string_view machine_id) {
  constexpr std::string_view levels[] = {"info", "warning", "error"};
  const model::Metadata& meta = about.metadata;
  model::Object event;
  event.kind = model::Kind::event;
  event.metadata.name = fmt::format("{}-{:016x}", meta.name.substr(0, name_room), ++last_);
  event.metadata.project = project_of(about);
  event.metadata.owner = meta.owner;
  event.metadata.uid = Uuid::random(context_.random);
  event.metadata.generation = 1;
  event.metadata.created = context_.wall;
  model::json::object object{{"kind", model::info(about.kind).singular}, {"name", meta.name}};
  if (!meta.project.empty()) object["project"] = meta.project;
  object["uid"] = meta.uid.text();
  event.spec = {{"at", context_.wall.text()},
                {"level", levels[static_cast<size_t>(level)]},
                {"reason", reason},
                {"message", message},
                {"object", std::move(object)}};
  if (!machine_id.empty()) event.spec["machineId"] = machine_id;
  std::string key =
      model::spec_key(model::Kind::event, event.metadata.project, event.metadata.name);
  writer_.event(key, model::encode_spec(event));
  keys_[last_] = key;
  while (keys_.size() > context_.options.keep_events) {
    writer_.drop_event(keys_.begin()->second);
    keys_.erase(keys_.begin());
  }
}

void Journal::seen(const std::string& key, bool present) {
  std::optional<uint64_t> number = number_of(key);
  if (!number) return;
  last_ = std::max(last_, *number);
  if (present)
    keys_[*number] = key;
  else
    keys_.erase(*number);
}

}  // namespace bridle::fleet
