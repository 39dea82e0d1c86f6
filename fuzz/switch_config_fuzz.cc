// rooms: switch
// fuzz: -max_len=4096
// The configuration of a switch, as bridled or a disk that lies gives it: read strictly or refused;
// what is read is written and read again as the same, and a snapshot is built of it or it says why
// not.
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "switch/snapshot.h"

namespace {

using namespace bridle::net;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  boost::system::error_code wrong;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const json::value document = json::parse(text, wrong);
  if (wrong || !document.is_object()) return 0;
  const auto config = config_from_json(document.get_object());
  if (!config.ok()) {
    require(!config.error().message().empty());
    return 0;
  }
  const auto again = config_from_json(to_json(*config));
  require(again.ok() && *again == *config);
  const auto snapshot = Snapshot::build(*config);
  require(snapshot.ok() || !snapshot.error().message().empty());
  return 0;
}
