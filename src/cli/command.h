// Command: what one command of `bridle` is, as data. The table of commands (commands.h) is a list
// of these; parsing (parse.h), help (help.h) and shell completion (completion.h) all read the same
// entries, so that none of them can tell something else than the others.
//
// Thread class: values, made once at start.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bridle::cli {

class Context;

// What the shell may complete for a word.
enum class Complete {
  nothing,
  file,
  kind,
  machine,
  image,
  volume,
  operation,
  object,
  bench,
  shell
};

struct Flag {
  std::string names;  // "--selector,-l": the long name comes first
  std::string value;  // what follows it, "KEY=VALUE"; empty: a switch
  std::string help;
  bool many = false;  // may be given several times
  std::vector<std::string> choices = {};

  std::string key() const;  // "selector"
};

struct Operand {
  std::string name;  // "NAME"
  std::string help;
  size_t least = 1;
  size_t most = 1;  // 0: without bound
  Complete complete = Complete::nothing;
};

struct Example {
  std::string line;  // "bridle machine start web": parses (there is a test)
  std::string what;
};

// The words of one invocation.
class Args {
 public:
  bool has(std::string_view key) const { return values_.find(key) != values_.end(); }
  // The last value given; empty when there is none.
  std::string one(std::string_view key) const;
  std::string one_or(std::string_view key, std::string_view otherwise) const;
  std::vector<std::string> all(std::string_view key) const;

  void add(const std::string& key, std::string value) { values_[key].push_back(std::move(value)); }
  void set(const std::string& key) { values_[key]; }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

// The exit codes (design section 8).
struct Exit {
  static constexpr int done = 0;
  static constexpr int failed = 1;
  static constexpr int wrong_use = 2;
  static constexpr int not_found = 3;
  static constexpr int refused = 4;
  static constexpr int conflict = 5;
  static constexpr int unreachable = 6;
  static constexpr int unauthorized = 7;
};
int exit_code(Code code);

struct Command {
  std::vector<std::string> path;  // {"machine", "start"}
  std::string summary;            // one line, no full stop
  std::string description;        // paragraphs; may be empty
  std::vector<Operand> operands;
  std::vector<Flag> flags;
  std::vector<Example> examples;
  // The exit code, or an error that the caller prints and turns into one.
  std::function<Result<int>(Context&, const Args&)> run;

  std::string words() const;  // "machine start"
};

// A noun that only groups verbs.
struct Group {
  std::string name;
  std::string summary;
};

struct CommandTable {
  std::vector<Group> groups;
  std::vector<Command> commands;
};

// Flags that every command takes.
const std::vector<Flag>& global_flags();

}  // namespace bridle::cli
