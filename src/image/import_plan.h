// ImportPlan: the course of one image import, as a pure machine: bridled carries out its actions
// and tells it what happened.
//
//   start() -> waiting -> receive -> convert -> adopt -> done
//                 ^__________/ the connection broke: what has come is kept
//
//   state      | under way                            | share of the progress
//   waiting    | somebody must send the file          |  0; given up after `patience`
//   receiving  | receive (HelperKind::convert)        |  0 .. 50
//   converting | convert (HelperKind::convert)        | 50 .. 95
//   adopting   | adopt   (HelperKind::store)          | 95 .. 99
//
// What the convert helper says is as hostile as the file it read. The adopt helper checks what it
// stores again, whatever convert said.
// Thread class: a value; no I/O, no clock.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/layout.h"
#include "image/progress.h"
#include "jail/protocol.h"
#include "model/image.h"

namespace bridle::image {

// Descriptors of the helpers of an import, after their output at jail::first_file_fd.
enum class ImportFile {
  connection,  // the caller's stream
  upload,      // for reading and writing
  upload_only_read,
  disk,            // what convert writes, new
  disk_only_read,  // the same, for adopt
};

// Actions.
struct RunImportHelper {
  jail::HelperKind kind;
  std::vector<std::string> argv;  // after argv[0]
  std::vector<ImportFile> files;  // descriptors 21, 22
};
struct ShowImport {
  int percent;
  std::string what;
};
struct AwaitUpload {};  // upload_opened() when somebody connects; waited_too_long() after patience
struct EndImport {
  std::optional<Error> error;  // empty: imported
  model::ImageStatus status;   // of a success
};
using ImportAction = std::variant<RunImportHelper, ShowImport, AwaitUpload, EndImport>;
using ImportActions = std::vector<ImportAction>;

class ImportPlan {
 public:
  static constexpr Duration patience = std::chrono::minutes(15);

  // owner: who the machine of an appliance will belong to; empty: its project.
  ImportPlan(const Layout& layout, std::string name, std::string project, std::string owner,
             model::ImageSource source);

  ImportActions start();
  bool is_waiting() const { return state_ == State::waiting; }
  // REQUIRES: is_waiting().
  ImportActions upload_opened();
  ImportActions waited_too_long();
  ImportActions helper_line(std::string_view line);
  ImportActions helper_exited(int wait_status);  // as of waitpid(2)
  // Ends a waiting plan; otherwise the caller kills the helper, whose exit ends it.
  ImportActions cancel();

  const model::ImageSource& source() const { return source_; }

 private:
  enum class State { idle, waiting, receiving, converting, adopting, done };

  ImportActions wait(const std::string& why);
  ImportActions convert();
  ImportActions adopt();
  ImportActions succeed();
  ImportActions fail(Error error);
  Status read_facts();
  Status read_part();

  std::string root_, name_, project_, owner_;
  model::ImageSource source_;
  State state_ = State::idle;
  bool cancelled_ = false;
  std::optional<Error> said_;
  std::string result_;  // the helper's, unread
  model::ImageStatus status_;
};

// The results that helpers write, and their reading as hostile bytes.
struct ConvertResult {
  std::string format;              // "vmdk", "ova/vmdk"
  std::vector<std::string> notes;  // at most 64, each at most 400 bytes
  uint32_t disks = 0;
  std::string machine;  // YAML, at most 32 KiB
};
std::string encode(const ConvertResult& result);
Result<ConvertResult> decode_convert_result(std::string_view text);
struct AdoptResult {
  model::Part disk;
  uint64_t virtual_size = 0;
};
std::string encode(const AdoptResult& result);
Result<AdoptResult> decode_adopt_result(std::string_view text);

}  // namespace bridle::image
