// Context: what every command is given: where to print, whom to ask, what the terminal is.
//
// Data goes to out, talk (progress, hints, errors) to err; so `bridle ... | jq` always works.
// Thread class: one thread.
#pragma once

#include <functional>
#include <optional>
#include <ostream>
#include <string>

#include "base/clock.h"
#include "cli/api_client.h"
#include "cli/command.h"
#include "cli/contexts.h"
#include "cli/style.h"
#include "cli/terminal.h"

namespace bridle::cli {

enum class Format { table, json, yaml, name };

struct Globals {
  std::string root;
  std::string project;
  std::string reason;               // X-Bridle-Reason of every request; empty: none
  std::optional<HostContext> host;  // over the network; else the unix socket below root
  std::string contexts;             // the file of contexts; empty: there can be none
  Format format = Format::table;
  bool format_given = false;
  bool progress = true;
  bool colour = true;
};

class Context {
 public:
  Context(Globals globals, const CommandTable& table, std::ostream& out, std::ostream& err,
          Terminal terminal, std::string program);

  const Globals& globals() const { return globals_; }
  const CommandTable& table() const { return table_; }
  const std::string& program() const { return program_; }  // argv[0]
  std::ostream& out() { return out_; }
  std::ostream& err() { return err_; }
  Terminal& terminal() { return terminal_; }
  Clock& clock() { return clock_; }
  const ApiClient& api() const { return api_; }

  Style style() const { return Style(globals_.colour && terminal_.out); }
  Style err_style() const { return Style(globals_.colour && terminal_.err); }
  // An answer typed on the terminal; empty: there is none, or nothing was typed.
  std::string ask(const std::string& question);
  // May something on err be drawn over?
  bool animated() const { return globals_.progress && terminal_.err; }
  std::string age_of(const std::string& rfc3339);  // "3m"; empty when it is no time

 private:
  Globals globals_;
  const CommandTable& table_;
  std::ostream& out_;
  std::ostream& err_;
  Terminal terminal_;
  std::string program_;
  SystemClock clock_;
  ApiClient api_;
};

// Prints "bridle: MESSAGE" on err and gives Exit::wrong_use.
int wrong_use(Context& context, const std::string& message);

// A kind by its name, or Code::invalid with the nearest one.
Result<const model::KindInfo*> kind_named(const std::string& word);

// "machine/lab/web", whatever the current project.
std::string show_ref_plain(const json::value& object);
// "machine/web" for machine web of the current project, "machine/lab/web" for another's.
std::string show_ref(const Context& context, const json::value& object);

}  // namespace bridle::cli
