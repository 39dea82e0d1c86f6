#include "cli/parse.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/help.h"
#include "cli/human.h"

namespace bridle::cli {
namespace {

// "bridle get machine web | jq" -> {"get", "machine", "web"}; single quotes keep blanks.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false, any = false;
  for (const char c : line + " ") {
    if (c == '\'') {
      quoted = !quoted;
      any = true;
    } else if (c == ' ' && !quoted) {
      if (any) words.push_back(word);
      word.clear();
      any = false;
    } else {
      word += c;
      any = true;
    }
  }
  for (size_t i = 0; i < words.size(); ++i)
    if (words[i] == ">" || words[i] == "|") words.resize(i);
  EXPECT_EQ(words.at(0), "bridle");
  words.erase(words.begin());
  return words;
}

TEST(CommandTable, every_command_explains_itself_and_its_examples_parse) {
  const CommandTable table = all_commands();
  EXPECT_GT(table.commands.size(), 35u);
  for (const auto& command : table.commands) {
    EXPECT_FALSE(command.summary.empty()) << command.words();
    EXPECT_FALSE(command.summary.ends_with(".")) << command.words();
    EXPECT_FALSE(command.examples.empty()) << command.words();
    EXPECT_TRUE(command.run) << command.words();
    for (const auto& flag : command.flags) EXPECT_FALSE(flag.help.empty()) << command.words();
    for (const auto& operand : command.operands)
      EXPECT_FALSE(operand.help.empty()) << command.words();
    for (const auto& example : command.examples) {
      const auto parsed = parse(table, words_of(example.line));
      ASSERT_TRUE(parsed.ok()) << example.line << ": " << parsed.error().message();
      const auto* invocation = std::get_if<Invocation>(&*parsed);
      ASSERT_NE(invocation, nullptr) << example.line;
      EXPECT_EQ(invocation->command->path, command.path) << example.line;
    }
  }
}

TEST(CommandTable, help_fits_its_width_and_names_every_flag) {
  const CommandTable table = all_commands();
  for (const auto& command : table.commands) {
    const std::string help = help_text(table, command.path, 80);
    for (const auto& flag : command.flags)
      EXPECT_NE(help.find("--" + flag.key()), std::string::npos) << command.words();
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_FALSE(line.ends_with(" ")) << command.words() << ": " << line;
      const bool example = line.starts_with("  bridle ");
      EXPECT_LE(columns_of(line), example ? 110u : 80u) << line;
    }
  }
}

TEST(Parse, gives_operands_and_flags_global_ones_anywhere) {
  const CommandTable table = all_commands();
  const auto parsed =
      parse(table, {"-p", "lab", "machine", "stop", "web", "db", "--force", "-o", "json"});
  ASSERT_TRUE(parsed.ok()) << parsed.error().message();
  const auto& args = std::get<Invocation>(*parsed).args;
  EXPECT_EQ(args.all("NAME"), (std::vector<std::string>{"web", "db"}));
  EXPECT_TRUE(args.has("force"));
  EXPECT_FALSE(args.has("wait"));
  EXPECT_EQ(args.one("project"), "lab");
  EXPECT_EQ(args.one("output"), "json");
}

TEST(Parse, names_of_commands_are_fine_as_names_of_objects) {
  const CommandTable table = all_commands();
  const auto parsed = parse(table, {"get", "machine", "top", "host"});
  ASSERT_TRUE(parsed.ok()) << parsed.error().message();
  EXPECT_EQ(std::get<Invocation>(*parsed).args.all("NAME"),
            (std::vector<std::string>{"top", "host"}));
}

TEST(Parse, leaves_what_follows_two_dashes_alone) {
  const CommandTable table = all_commands();
  const auto parsed = parse(table, {"machine", "exec", "web", "--", "ls", "-l", "--wait"});
  ASSERT_TRUE(parsed.ok()) << parsed.error().message();
  EXPECT_EQ(std::get<Invocation>(*parsed).args.all("COMMAND"),
            (std::vector<std::string>{"ls", "-l", "--wait"}));
}

struct BadCase {
  std::vector<std::string> words;
  std::string said;
};

TEST(Parse, errors_name_what_is_wrong_and_what_was_meant) {
  const CommandTable table = all_commands();
  const BadCase cases[] = {
      {{"machine", "strt", "web"}, "no such command: strt (did you mean start?)"},
      {{"machne", "list"}, "did you mean machine?"},
      {{"machine", "start", "web", "--wiat"}, "no such option: --wiat (did you mean --wait?)"},
      {{"machine", "start"}, "NAME is required"},
      {{"get", "machines", "-o", "xml"}, "xml"},
      {{"doctor", "extra"}, "one argument too many: extra"},
  };
  for (const auto& c : cases) {
    const auto parsed = parse(table, c.words);
    ASSERT_FALSE(parsed.ok()) << c.said;
    EXPECT_EQ(parsed.error().code(), Code::invalid);
    EXPECT_NE(parsed.error().message().find(c.said), std::string::npos) << parsed.error().message();
    EXPECT_NE(parsed.error().message().find("--help"), std::string::npos);
  }
}

TEST(Parse, help_is_asked_for_or_missing) {
  const CommandTable table = all_commands();
  const auto asked = parse(table, {"machine", "start", "-h"});
  ASSERT_TRUE(asked.ok());
  EXPECT_EQ(std::get<HelpWanted>(*asked).path, (std::vector<std::string>{"machine", "start"}));
  EXPECT_TRUE(std::get<HelpWanted>(*asked).asked);
  const auto bare = parse(table, {"machine"});
  ASSERT_TRUE(bare.ok());
  EXPECT_FALSE(std::get<HelpWanted>(*bare).asked);
}

// Whether the script of a shell offers `words` for `bridle machine st`, asked of that shell itself.
bool completes(const std::string& shell, const std::string& prelude, const std::string& words) {
  const std::string script = completion_script(all_commands(), shell);
  char path[] = "/tmp/bt-completion-XXXXXX";
  const int fd = ::mkstemp(path);
  EXPECT_EQ(::write(fd, script.data(), script.size()), static_cast<ssize_t>(script.size()));
  ::close(fd);
  const std::string ask = ". " + std::string(path) + "; " + prelude +
                          " COMP_WORDS=(bridle machine st); COMP_CWORD=2; _bridle; [ "
                          "\"${COMPREPLY[*]}\" = \"" +
                          words + "\" ]";
  const int status = ::system((shell + " -c '" + ask + "'").c_str());
  ::unlink(path);
  return status == 0;
}

TEST(Completion, knows_every_command) {
  const CommandTable table = all_commands();
  const std::string script = completion_script(table, "bash");
  for (const auto& command : table.commands) {
    std::string key = command.words();
    std::replace(key.begin(), key.end(), ' ', '/');
    EXPECT_NE(script.find("[" + key + "]"), std::string::npos) << key;
  }
}

TEST(Completion, completes_in_bash_and_zsh) {
  EXPECT_TRUE(completes("bash", "", "start stop"));
  // As bashcompinit calls it; what begins otherwise is left out by zsh itself, afterwards.
  EXPECT_TRUE(
      completes("zsh", "emulate sh;",
                "console define delete exec export import list pause reset resume screen start "
                "stop vnc"));
}

}  // namespace
}  // namespace bridle::cli
