#include "words.h"

#include <charconv>
#include <sstream>

namespace bridle::bench {
namespace {

Result<uint64_t> number_of(std::string_view text) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size())
    return Error(Code::invalid, "no number: \"" + std::string(text) + "\"");
  return number;
}

}  // namespace

Words Words::parse(std::string_view line) {
  Words words;
  std::istringstream in{std::string(line)};
  in >> words.verb;
  for (std::string word; in >> word;) {
    size_t is = word.find('=');
    if (is == std::string::npos) is = word.size();
    words.given.emplace_back(word.substr(0, is),
                             is < word.size() ? word.substr(is + 1) : std::string());
  }
  return words;
}

Result<std::string> Words::text(std::string_view name) const {
  for (const auto& [key, value] : given)
    if (key == name) return value;
  return Error(Code::invalid, verb + ": " + std::string(name) + " is missing");
}

Result<uint64_t> Words::number(std::string_view name) const {
  BRIDLE_TRY(auto found, text(name));
  return number_of(found).context(name);
}

uint64_t Words::number_or(std::string_view name, uint64_t otherwise) const {
  auto found = number(name);
  return found ? *found : otherwise;
}

std::vector<std::string> Words::all(std::string_view name) const {
  std::vector<std::string> found;
  for (const auto& [key, value] : given)
    if (key == name) found.push_back(value);
  return found;
}

Result<std::vector<uint64_t>> numbers(std::string_view list) {
  std::vector<uint64_t> found;
  while (true) {
    size_t comma = list.find(',');
    BRIDLE_TRY(auto number, number_of(list.substr(0, comma)));
    found.push_back(number);
    if (comma == std::string_view::npos) return found;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace bridle::bench
