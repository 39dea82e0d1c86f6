#include "switch/trace_recorder.h"

#include <utility>

#include "switch/memory_pool.h"

namespace bridle::net {

std::string Trace::name_of(PortIndex port) const {
  if (port == no_port) return "switch";
  const Port& config = snapshot_.port_config(port);
  return config.name.empty() ? "port " + std::to_string(config.id) : config.name;
}

void Trace::say(std::string_view why) {
  if (!why_.empty()) why_ += "; ";
  why_ += why;
}

void Trace::step(PortIndex port, Stage stage, std::string_view module, std::string verdict) {
  report_.steps.push_back({name_of(port), stage == Stage::egress, std::string(module),
                           std::move(verdict), std::exchange(why_, {})});
}

void Trace::queued(PortIndex to) {
  if (!sent_to_.empty()) sent_to_ += ", ";
  sent_to_ += name_of(to);
}

void Trace::after(const Batch& batch, const ModuleKind& kind, const Context& context) {
  const uint32_t gone = live_ & ~batch.live;
  std::string verdict = "keep";
  if ((gone & batch.dropped) != 0) {
    const Drop reason = batch.reasons[Batch::first(gone & batch.dropped)];
    verdict = "drop " + std::string(name(reason));
    if (why_.empty()) say(sentence(reason));
  } else if ((gone & batch.consumed) != 0) {
    verdict = "consume";
  }
  if (!sent_to_.empty()) {
    const std::string to = "to " + std::exchange(sent_to_, {});
    verdict =
        gone != 0 && (gone & (batch.dropped | batch.consumed)) == 0 ? to : verdict + ", " + to;
  }
  step(context.index, context.stage, kind.name, std::move(verdict));
}

void Trace::output(PortIndex port, const Frame& frame) {
  step(port, Stage::egress, "send", "sent, " + std::to_string(frame.size) + " bytes");
  report_.outputs.push_back({snapshot_.port(port).id, bytes_of(frame)});
}

}  // namespace bridle::net
