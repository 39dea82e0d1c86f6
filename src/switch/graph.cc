#include "switch/graph.h"

#include <algorithm>

namespace bridle::net {
namespace {

constexpr std::string_view turning_point = "forward", last_module = "offload";

const ModuleKind* kind_of(std::string_view name) {
  for (const ModuleKind& kind : module_kinds())
    if (kind.name == name) return &kind;
  return nullptr;
}

std::vector<std::string_view> names_or_default(const std::vector<std::string>& names) {
  if (!names.empty()) return {names.begin(), names.end()};
  const auto usual = default_modules();
  return {usual.begin(), usual.end()};
}

bool is_among(std::string_view name, const std::vector<std::string_view>& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What `kind` needs and is not among `before`; empty: nothing.
std::string_view missing(const ModuleKind& kind, const std::vector<std::string_view>& before) {
  std::string_view rest = kind.needs;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(' '), rest.size());
    if (!is_among(rest.substr(0, end), before)) return rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return {};
}

// A required module that is not in this stage; empty: none.
std::string_view lacking(Stage stage, const std::vector<std::string_view>& there) {
  for (const ModuleKind& kind : module_kinds())
    if (kind.required && (stage == Stage::ingress ? kind.ingress : kind.egress) &&
        !is_among(kind.name, there))
      return kind.name;
  return {};
}

Error module_error(size_t index, const std::string& what) {
  return Error(Code::invalid, "modules[" + std::to_string(index) + "]: " + what);
}

}  // namespace

Status check_modules(const std::vector<std::string>& names) {
  Stage stage = Stage::ingress;
  std::vector<std::string_view> before;
  const auto list = names_or_default(names);
  for (size_t i = 0; i < list.size(); ++i) {
    const ModuleKind* kind = kind_of(list[i]);
    const std::string quoted = '"' + std::string(list[i].substr(0, 64)) + '"';
    if (kind == nullptr) return module_error(i, "there is no module " + quoted);
    if (stage == Stage::ingress ? !kind->ingress : !kind->egress)
      return module_error(i, quoted + " does not stand here");
    if (is_among(list[i], before)) return module_error(i, quoted + " twice");
    if (const std::string_view needed = missing(*kind, before); !needed.empty())
      return module_error(i, quoted + " needs " + std::string(needed) + " before it");
    before.push_back(list[i]);
    if (list[i] != turning_point) continue;
    if (const std::string_view needed = lacking(stage, before); !needed.empty())
      return module_error(i, std::string(needed) + " is missing before it");
    stage = Stage::egress;
    before.clear();
  }
  if (stage == Stage::ingress) return Error(Code::invalid, "modules: forward is missing");
  if (const std::string_view needed = lacking(stage, before); !needed.empty())
    return Error(Code::invalid, "modules: " + std::string(needed) + " is missing behind forward");
  // It makes several frames of one: nothing behind it would see them.
  if (before.back() != last_module) return Error(Code::invalid, "modules: offload is not the last");
  return {};
}

Graph::Graph(const Snapshot& snapshot) {
  Stage stage = Stage::ingress;
  for (const std::string_view name : names_or_default(snapshot.config().modules)) {
    const ModuleKind* kind = kind_of(name);
    modules_.push_back(kind->make(snapshot, stage));
    all_[static_cast<size_t>(stage)].push_back({modules_.back().get(), kind});
    if (name == turning_point) stage = Stage::egress;
  }
  for (size_t port = 0; port < snapshot.port_count(); ++port) {
    Range& range = ranges_.emplace_back();
    for (const Stage each : {Stage::ingress, Stage::egress}) {
      const auto which = static_cast<size_t>(each);
      range.begin[which] = static_cast<uint32_t>(steps_.size());
      for (const Step& step : all_[which])
        if (step.kind->wanted == nullptr ||
            step.kind->wanted(snapshot, static_cast<PortIndex>(port), each))
          steps_.push_back(step);
      range.count[which] = static_cast<uint32_t>(steps_.size()) - range.begin[which];
    }
  }
}

}  // namespace bridle::net
