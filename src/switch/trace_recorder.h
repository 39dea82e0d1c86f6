// Trace: what modules and the pipeline write down while a question (not traffic) passes. Modules
// reach it through Context::explain() only.
//
// Thread class: one question's.
#pragma once

#include <string>

#include "switch/module.h"
#include "switch/trace.h"

namespace bridle::net {

class Trace {
 public:
  explicit Trace(const Snapshot& snapshot) : snapshot_(snapshot) {}

  void say(std::string_view why);
  // Around one module's work on a batch.
  void before(const Batch& batch) { live_ = batch.live; }
  void after(const Batch& batch, const ModuleKind& kind, const Context& context);
  void step(PortIndex port, Stage stage, std::string_view module, std::string verdict);
  void queued(PortIndex to);
  void dropped(Drop reason) { report_.drops.push_back(reason); }
  void output(PortIndex port, const Frame& frame);

  TraceReport take() { return std::move(report_); }
  std::string name_of(PortIndex port) const;

 private:
  const Snapshot& snapshot_;
  TraceReport report_;
  std::string why_;
  std::string sent_to_;  // ports that the module at work sent something to
  uint32_t live_ = 0;
};

}  // namespace bridle::net
