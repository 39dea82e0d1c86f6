// VolumeLoop: makes the file of every Volume, once, and removes it when the volume is deleted and
// no guest has it open. A volume is never written over: one that is ready stays as it is.
//
//   (new) -> finalizer -> pending -> [image ready] -> intent -> CreateVolume -> ready
//   ready, spec.size is larger -> intent -> ResizeDisk (a guest has it open) or ResizeVolume ->
//   ready deleting -> [no guest has it open] -> intent -> RemoveVolume -> both keys removed
//
// Thread class: the controller's.
#pragma once

#include <map>
#include <set>
#include <string>

#include "fleet/context.h"
#include "fleet/intents.h"
#include "fleet/journal.h"
#include "fleet/machine_loop.h"
#include "fleet/objects.h"
#include "fleet/timers.h"
#include "fleet/writer.h"

namespace bridle::fleet {

constexpr std::string_view volume_finalizer = "bridle/disk";

class VolumeLoop {
 public:
  VolumeLoop(Context& context, Objects& objects, Writer& writer, Intents& intents, Timers& timers,
             Journal& journal, MachineLoop& machines)
      : context_(context),
        objects_(objects),
        writer_(writer),
        intents_(intents),
        timers_(timers),
        journal_(journal),
        machines_(machines) {}

  void look(const std::string& ref);
  void wake();  // something that a volume waits for may have changed
  // Parts are being collected: nothing may begin to refer to one.
  void hold(bool held);
  void on(const VolumeCreated& created);
  void on(const VolumeResized& resized);
  void on(const VolumeRemoved& removed);

  bool creating() const { return creating_ != 0; }
  bool idle() const { return asked_.empty(); }

 private:
  struct Work {
    Intents::Id intent = 0;
    std::string verb;       // of the intent
    Token asked = 0;        // of the act under way
    uint64_t resizing = 0;  // bytes
    bool creates = false, file_gone = false;
    uint32_t failures = 0;
    std::optional<Tick> retry_at;
  };
  bool announced(Row& row, Work& work, std::string_view verb);
  void create(Row& row, Work& work);
  void resize(Row& row, Work& work, const model::VolumeStatus& status);
  void remove(Row& row, Work& work);
  void forget(const std::string& ref);
  void say(Row& row, std::string_view phase, std::string message, bool urgent = false);
  void fail(Row& row, Work& work, const Error& error);

  Context& context_;
  Objects& objects_;
  Writer& writer_;
  Intents& intents_;
  Timers& timers_;
  Journal& journal_;
  MachineLoop& machines_;
  std::map<std::string, Work> works_;
  std::map<Token, std::string> asked_;
  std::set<std::string> waiting_;
  size_t creating_ = 0;
  bool held_ = false;
};

}  // namespace bridle::fleet
