#include "cli/command.h"

#include <algorithm>

namespace bridle::cli {

std::string Flag::key() const {
  const size_t end = std::min(names.find(','), names.size());
  return names.substr(2, end - 2);
}

std::string Args::one(std::string_view key) const { return one_or(key, {}); }

std::string Args::one_or(std::string_view key, std::string_view otherwise) const {
  const auto it = values_.find(key);
  if (it == values_.end() || it->second.empty()) return std::string(otherwise);
  return it->second.back();
}

std::vector<std::string> Args::all(std::string_view key) const {
  const auto it = values_.find(key);
  return it == values_.end() ? std::vector<std::string>() : it->second;
}

std::string Command::words() const {
  std::string out;
  for (const auto& word : path) out += (out.empty() ? "" : " ") + word;
  return out;
}

int exit_code(Code code) {
  switch (code) {
    case Code::not_found:
    case Code::gone:
      return Exit::not_found;
    case Code::refused:
    case Code::exhausted:
      return Exit::refused;
    case Code::conflict:
      return Exit::conflict;
    case Code::unreachable:
      return Exit::unreachable;
    case Code::unauthorized:
      return Exit::unauthorized;
    case Code::invalid:
    case Code::corrupt:
    case Code::internal:
      return Exit::failed;
  }
  return Exit::failed;
}

const std::vector<Flag>& global_flags() {
  static const std::vector<Flag> flags{
      {"--root", "FOLDER", "the Bridle instance to talk to [$BRIDLE_ROOT, /var/lib/bridle]"},
      {"--context", "NAME",
       "the host to talk to, as `context list` names it; - is the one at --root "
       "[$BRIDLE_CONTEXT]"},
      {"--project,-p", "NAME", "project of the objects named [$BRIDLE_PROJECT, default]"},
      {"--reason", "TEXT",
       "why; the ledger keeps it. Looking into a guest from outside its project needs one "
       "[$BRIDLE_REASON]"},
      {"--output,-o", "FORMAT", "how to print results", false, {"table", "json", "yaml", "name"}},
      {"--no-progress", "", "no progress bars, also on a terminal"},
      {"--no-color", "", "no colours, also on a terminal [$NO_COLOR]"},
  };
  return flags;
}

}  // namespace bridle::cli
