// OperationLoop: carries out Operations, what is not a state: build (of an image), reset and stop
// (by force; of a machine). The API stores them, pending; each ends succeeded, failed or cancelled.
//
//   pending -> running (durable) -> [the verb's work] -> succeeded | failed | cancelled
//
// An operation that bridled's death interrupted: a build begins again (at most most_attempts in one
// life of bridled); a stop goes on; a reset fails, for nobody knows whether it happened.
// spec.cancel (the action cancel) ends a build, and any operation that has not begun; the deletion
// of an image ends its build, which would keep it for as long as nobody sends its file.
// Finished operations beyond Options::keep_operations are dropped, oldest first.
//
// Thread class: the controller's.
#pragma once

#include <map>
#include <string>

#include "fleet/image_loop.h"
#include "fleet/machine_loop.h"

namespace bridle::fleet {

class OperationLoop {
 public:
  OperationLoop(Context& context, Objects& objects, Writer& writer, Intents& intents,
                Timers& timers, Journal& journal, MachineLoop& machines, ImageLoop& images)
      : context_(context),
        objects_(objects),
        writer_(writer),
        intents_(intents),
        timers_(timers),
        journal_(journal),
        machines_(machines),
        images_(images) {}

  void look(const std::string& ref);
  void on(const BuildProgress& progress);
  void on(const BuildEnded& ended);
  bool idle() const { return works_.empty(); }

 private:
  struct Work {
    bool begun = false;      // by this life of bridled
    bool asked = false;      // of the machine loop
    Token build = 0;         // BuildImage is under way
    bool cancelled = false;  // CancelBuild was sent
    Intents::Id intent = 0;
    std::string target;
    unsigned attempts = 0;
    std::optional<Tick> retry_at;
  };
  struct Verb;
  static const Verb* find_verb(std::string_view name);

  void run_build(Row& row, Work& work);
  void run_on_machine(Row& row, Work& work);
  void say(Row& row, std::string_view phase, std::string_view message, bool urgent = false);
  void finish(Row& row, std::string_view phase, std::string_view message);
  void forget(const std::string& ref);
  void drop_old();

  Context& context_;
  Objects& objects_;
  Writer& writer_;
  Intents& intents_;
  Timers& timers_;
  Journal& journal_;
  MachineLoop& machines_;
  ImageLoop& images_;
  std::map<std::string, Work> works_;
  std::map<Token, std::string> builds_;
};

}  // namespace bridle::fleet
