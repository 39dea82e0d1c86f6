#include "cli/parse.h"

#include <CLI/CLI.hpp>
#include <deque>

#include "cli/context.h"
#include "model/path.h"

namespace bridle::cli {
namespace {

// Where CLI11 puts what it finds; deque, because it keeps references.
struct Slot {
  std::string key;
  CLI::Option* option = nullptr;
  std::vector<std::string> values;
  bool given = false;
};

struct Node {
  CLI::App* app;
  const Command* command = nullptr;
  std::deque<Slot> slots;
};

void add_flag(Node& node, const Flag& flag) {
  Slot& slot = node.slots.emplace_back();
  slot.key = flag.key();
  if (flag.value.empty()) {
    slot.option = node.app->add_flag(flag.names, slot.given);
    return;
  }
  slot.option = node.app->add_option(flag.names, slot.values);
  slot.option->expected(1)->allow_extra_args(false);
  slot.option->multi_option_policy(flag.many ? CLI::MultiOptionPolicy::TakeAll
                                             : CLI::MultiOptionPolicy::TakeLast);
  if (!flag.choices.empty()) slot.option->check(CLI::IsMember(flag.choices));
}

void add_operand(Node& node, const Operand& operand) {
  Slot& slot = node.slots.emplace_back();
  slot.key = operand.name;
  slot.option = node.app->add_option(operand.name, slot.values);
  const int most =
      operand.most == 0 ? CLI::detail::expected_max_vector_size : static_cast<int>(operand.most);
  slot.option->expected(static_cast<int>(std::max<size_t>(operand.least, 1)), most);
  slot.option->required(operand.least > 0);
  // Else CLI11 lets the first operand swallow the words of the next.
  slot.option->allow_extra_args(operand.most != 1);
}

class Tree {
 public:
  explicit Tree(const CommandTable& table) : root_("", "bridle") {
    add_node({}, &root_, nullptr);
    for (const auto& group : table.groups)
      add_node({group.name}, root_.add_subcommand(group.name, group.summary), nullptr);
    for (const auto& command : table.commands) add_command(command);
    for (auto& [path, node] : nodes_) {
      for (const auto& flag : global_flags()) add_flag(node, flag);
      if (node.command == nullptr) node.app->require_subcommand(0, 1);
    }
  }

  CLI::App& root() { return root_; }

  // The node of the deepest subcommand that was given, and its path.
  std::pair<std::vector<std::string>, Node*> deepest() {
    std::vector<std::string> path;
    CLI::App* app = &root_;
    while (!app->get_subcommands().empty()) {
      app = app->get_subcommands().front();
      path.push_back(app->get_name());
    }
    return {path, &nodes_.at(path)};
  }

  // Values from the root down to `path`, the deeper ones last.
  Args args(const std::vector<std::string>& path) {
    Args out;
    for (size_t depth = 0; depth <= path.size(); ++depth) {
      const auto it = nodes_.find({path.begin(), path.begin() + static_cast<long>(depth)});
      for (const Slot& slot : it->second.slots) {
        if (slot.option->count() == 0) continue;
        out.set(slot.key);
        for (const auto& value : slot.values) out.add(slot.key, value);
      }
    }
    return out;
  }

  std::vector<std::string> known_words(const std::vector<std::string>& path) {
    std::vector<std::string> words;
    for (const CLI::App* sub : nodes_.at(path).app->get_subcommands({}))
      words.push_back(sub->get_name());
    for (const CLI::Option* option : nodes_.at(path).app->get_options()) {
      for (const auto& name : option->get_lnames()) words.push_back("--" + name);
      for (const auto& name : option->get_snames()) words.push_back("-" + name);
    }
    return words;
  }

 private:
  void add_node(const std::vector<std::string>& path, CLI::App* app, const Command* command) {
    nodes_[path].app = app;
    nodes_[path].command = command;
    app->set_help_flag("-h,--help");
  }

  void add_command(const Command& command) {
    CLI::App* app = &root_;
    for (size_t i = 0; i < command.path.size(); ++i) {
      const std::vector<std::string> path(command.path.begin(),
                                          command.path.begin() + static_cast<long>(i) + 1);
      const auto it = nodes_.find(path);
      app = it != nodes_.end() ? it->second.app : app->add_subcommand(command.path[i], "");
      if (it == nodes_.end()) add_node(path, app, nullptr);
    }
    Node& node = nodes_.at(command.path);
    node.command = &command;
    for (const auto& flag : command.flags) add_flag(node, flag);
    for (const auto& operand : command.operands) add_operand(node, operand);
  }

  CLI::App root_;
  std::map<std::vector<std::string>, Node> nodes_;
};

// A beginning of at least two letters counts as near, too.
std::string meant(const std::string& word, const std::vector<std::string>& candidates) {
  for (const auto& candidate : candidates)
    if (word.size() >= 2 && candidate.starts_with(word)) return candidate;
  return std::string(model::nearest(word, candidates));
}

std::string see_help(const std::vector<std::string>& path) {
  std::string line = "bridle ";
  for (const auto& word : path) line += word + " ";
  return "; see: " + line + "--help";
}

Error explain(Tree& tree, const std::vector<std::string>& path, const std::string& what) {
  auto extras = tree.root().remaining(true);
  std::erase(extras, "--");
  const bool option = !extras.empty() && extras.front().starts_with("-");
  if (extras.empty()) return Error(Code::invalid, what + see_help(path));
  const bool is_group =
      !tree.known_words(path).empty() && tree.deepest().second->command == nullptr;
  std::string message = option     ? "no such option: "
                        : is_group ? "no such command: "
                                   : "one argument too many: ";
  message += extras.front();
  const std::string near = meant(extras.front(), tree.known_words(path));
  if (!near.empty()) message += " (did you mean " + near + "?)";
  return Error(Code::invalid, message + see_help(path));
}

// Words that name a kind ("machine.spec.disks" begins with one).
Status check_kinds(const Invocation& invocation) {
  for (const Operand& operand : invocation.command->operands) {
    if (operand.complete != Complete::kind) continue;
    for (const std::string& word : invocation.args.all(operand.name))
      if (auto kind = kind_named(word.substr(0, word.find('.'))); !kind.ok())
        return std::move(kind).error();
  }
  return {};
}

}  // namespace

Result<Parsed> parse(const CommandTable& table, const std::vector<std::string>& argv) {
  Tree tree(table);
  try {
    tree.root().parse(std::vector<std::string>(argv.rbegin(), argv.rend()));
  } catch (const CLI::CallForHelp&) {
    return Parsed(HelpWanted{tree.deepest().first});
  } catch (const CLI::ParseError& error) {
    return explain(tree, tree.deepest().first, error.what());
  }
  auto [path, node] = tree.deepest();
  if (node->command == nullptr) return Parsed(HelpWanted{path, false});
  Invocation invocation{node->command, tree.args(path)};
  BRIDLE_CHECK(check_kinds(invocation));
  return Parsed(std::move(invocation));
}

}  // namespace bridle::cli
