// Journal: Event objects, what people see with `bridle events`. Bounded: the oldest are dropped.
// Not the ledger: events may be lost with the last second of a crashed host, and are not evidence.
// Thread class: the controller's.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "fleet/context.h"
#include "fleet/objects.h"
#include "fleet/writer.h"

namespace bridle::fleet {

class Journal {
 public:
  Journal(Context& context, Writer& writer) : context_(context), writer_(writer) {}

  enum class Level { info, warning, error };
  // reason: one CamelCase word; message: a sentence. machine_id may be empty.
  void say(const model::Object& about, Level level, std::string_view reason,
           std::string_view message, std::string_view machine_id = {});
  // An event key came or went in the store.
  void seen(const std::string& key, bool present);

 private:
  Context& context_;
  Writer& writer_;
  std::map<uint64_t, std::string> keys_;  // by number, oldest first
  uint64_t last_ = 0;
};

}  // namespace bridle::fleet
