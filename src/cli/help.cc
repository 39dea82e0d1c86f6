#include "cli/help.h"

#include <algorithm>
#include <sstream>

namespace bridle::cli {
namespace {

using Row = std::pair<std::string, std::string>;

std::string wrap(const std::string& text, size_t indent, size_t width) {
  std::istringstream words(text);
  std::string out, word;
  size_t column = indent;
  while (words >> word) {
    if (column > indent && column + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

// "  --flag VALUE   what it does", the right column wrapped.
std::string two_columns(const std::vector<Row>& rows, size_t width) {
  size_t left = 0;
  for (const auto& row : rows) left = std::max(left, std::min<size_t>(row.first.size(), 28));
  std::string out;
  for (const auto& [first, second] : rows) {
    out += "  " + first;
    const size_t indent = left + 4;
    if (first.size() > left) out += "\n" + std::string(indent, ' ');
    if (first.size() <= left) out += std::string(indent - 2 - first.size(), ' ');
    out += wrap(second, indent, width) + "\n";
  }
  return out;
}

std::string flag_words(const Flag& flag) {
  std::string names = flag.names;
  if (const size_t comma = names.find(','); comma != std::string::npos)
    names = names.substr(comma + 1) + ", " + names.substr(0, comma);
  else
    names = "    " + names;
  return flag.value.empty() ? names : names + " " + flag.value;
}

std::string choices_text(const Flag& flag) {
  if (flag.choices.empty()) return {};
  std::string out = ": ";
  for (const auto& choice : flag.choices) out += (&choice == &flag.choices[0] ? "" : ", ") + choice;
  return out;
}

std::string flags_text(const std::vector<Flag>& flags, size_t width) {
  std::vector<Row> rows;
  for (const auto& flag : flags) rows.push_back({flag_words(flag), flag.help + choices_text(flag)});
  return two_columns(rows, width);
}

std::string examples_text(const std::vector<Example>& examples) {
  std::string out;
  for (const auto& example : examples) out += "  # " + example.what + "\n  " + example.line + "\n";
  return out;
}

std::string command_help(const Command& command, size_t width) {
  std::string out = command.summary + ".\n\nUsage:\n  bridle " + usage_line(command) + "\n";
  std::istringstream paragraphs(command.description);
  for (std::string line; std::getline(paragraphs, line);)
    out += "\n" + (line.starts_with("  ") ? line : wrap(line, 0, width)) + "\n";
  if (!command.operands.empty()) {
    std::vector<Row> rows;
    for (const auto& operand : command.operands) rows.push_back({operand.name, operand.help});
    out += "\nArguments:\n" + two_columns(rows, width);
  }
  if (!command.flags.empty()) out += "\nFlags:\n" + flags_text(command.flags, width);
  out += "\nExamples:\n" + examples_text(command.examples);
  return out + "\nEverywhere:\n" + flags_text(global_flags(), width);
}

std::vector<Row> verbs_of(const CommandTable& table, const std::string& noun) {
  std::vector<Row> rows;
  for (const auto& command : table.commands)
    if (command.path.size() > 1 && command.path[0] == noun)
      rows.push_back({command.words().substr(noun.size() + 1), command.summary});
  return rows;
}

std::string group_help(const CommandTable& table, const std::string& noun, size_t width) {
  std::string out;
  for (const auto& group : table.groups)
    if (group.name == noun) out += group.summary + ".\n\n";
  out += "Usage:\n  bridle " + noun + " VERB\n\nVerbs:\n";
  out += two_columns(verbs_of(table, noun), width) + "\nExamples:\n";
  for (const auto& command : table.commands)
    if (command.path.size() > 1 && command.path[0] == noun && !command.examples.empty())
      out += examples_text({command.examples.front()});
  return out + "\nMore: bridle " + noun + " VERB --help\n";
}

std::string root_help(const CommandTable& table, size_t width) {
  std::vector<Row> objects, nouns;
  for (const auto& command : table.commands)
    if (command.path.size() == 1) objects.push_back({command.path[0], command.summary});
  for (const auto& group : table.groups) nouns.push_back({group.name, group.summary});
  std::string out =
      "bridle: guests on QEMU/KVM that hold their own security.\n\n"
      "Usage:\n  bridle COMMAND [ARGUMENTS] [FLAGS]\n\nNouns (each has verbs):\n";
  out += two_columns(nouns, width) + "\nCommands:\n" + two_columns(objects, width);
  out +=
      "\nExamples:\n" + examples_text({
                            {"bridle doctor", "what this host can do, and what would fix the rest"},
                            {"bridle image build tiny", "a guest image that boots in seconds"},
                            {"bridle machine define web --image tiny --owner me --start --wait",
                             "define and start a guest"},
                            {"bridle machine console web", "talk to it (Ctrl-] detaches)"},
                            {"bridle top", "what it all costs, live"},
                        });
  out += "\nEverywhere:\n" + flags_text(global_flags(), width);
  return out +
         "\nExit codes: 0 done, 1 failed or differs, 2 wrong use, 3 not found, 4 refused,\n"
         "5 conflict, 6 bridled does not answer, 7 not authorized.\n";
}

}  // namespace

std::string usage_line(const Command& command) {
  std::string out = command.words();
  for (const auto& operand : command.operands) {
    const std::string dots = operand.most == 1 ? "" : "...";
    out += operand.least == 0 ? " [" + operand.name + dots + "]" : " " + operand.name + dots;
  }
  return command.flags.empty() ? out : out + " [FLAGS]";
}

std::string help_text(const CommandTable& table, const std::vector<std::string>& path,
                      size_t width) {
  width = std::clamp<size_t>(width, 40, 100);
  if (path.empty()) return root_help(table, width);
  for (const auto& command : table.commands)
    if (command.path == path) return command_help(command, width);
  return group_help(table, path.front(), width);
}

}  // namespace bridle::cli
