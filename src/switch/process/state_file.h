// StateFile: the last applied configuration on the switch's own disk, so that it comes back from
// any death by itself.
//
//   FOLDER/state/config   "BLSC", u32 version 1, u64 size, 32 bytes SHA-256 of what follows; then
//   the
//                         configuration as JSON (switch/config.h). Little-endian. Written as
//                         config.incomplete, synced, renamed, the folder synced
//
// Thread class: one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "switch/config.h"

namespace bridle::net {

constexpr size_t largest_state = 32 << 20;

std::string encode_state(const Config& config);
Result<Config> decode_state(std::string_view bytes);

class StateFile {
 public:
  explicit StateFile(std::string folder) : folder_(std::move(folder)) {}

  // Nothing: there is none yet. corrupt: it is not what was written; it is kept as config.broken.
  Result<std::optional<Config>> load();
  Status save(const Config& config);

 private:
  std::string path() const { return folder_ + "/config"; }
  std::string folder_;
};

}  // namespace bridle::net
