// rooms: machine
// The QMP codec and session on whatever QEMU (or a guest that took it over) may say.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "machine/monitor.h"

using namespace bridle;
using namespace bridle::machine;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto message = qmp::parse(bytes); message.ok()) {
    if (const auto* event = std::get_if<qmp::TimedEvent>(&*message))
      BRIDLE_ASSERT(!qmp::name(event->event).empty());
  }
  for (const bool fresh : {true, false}) {
    MonitorOptions options;
    options.fresh = fresh;
    options.links = {"interface-net0"};
    Monitor monitor(options);
    monitor.step({0}, MonitorOpened{});
    monitor.step({1}, MonitorCommand{5, "stop", {}, {}});
    int closed = 0, replies = 0;
    const auto count = [&](const std::vector<MonitorAction>& actions) {
      for (const auto& action : actions) {
        BRIDLE_ASSERT(closed == 0);
        closed += std::holds_alternative<MonitorClosed>(action);
        replies += std::holds_alternative<MonitorReply>(action);
      }
    };
    // In two pieces: the split must not matter.
    count(monitor.step({2}, MonitorBytes{bytes.substr(0, size / 2)}));
    if (!monitor.closed()) count(monitor.step({3}, MonitorBytes{bytes.substr(size / 2)}));
    if (!monitor.closed()) count(monitor.step({4}, MonitorEnded{"end"}));
    BRIDLE_ASSERT(closed == 1 && replies == 1);
  }
  return 0;
}
