// Imports: the hands of image imports: keeps uploads as files of bridled's own, hands descriptors
// of them to the helpers that image::ImportPlan asks for, and pairs an upload's connection with the
// import that waits for it. Bytes of the file itself never pass through here: the session copies
// them between two sockets, a jailed helper writes them.
//
//   ROOT/volumes/uploads/KEY        0644, KEY made of project and digest: found again after a break
//   ROOT/volumes/uploads/UUID.disk  unlinked as soon as it is open: what convert writes
//
// Uploads are removed after their import; those that were given up, a day after their last byte.
// Thread class: the loop's thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/layout.h"
#include "base/random.h"
#include "daemon/helper_runs.h"
#include "daemon/loop.h"
#include "daemon/runner.h"
#include "fleet/actions.h"
#include "image/import_plan.h"

namespace bridle::daemon {

class Imports {
 public:
  struct Parts {
    Loop& loop;
    Clock& clock;
    const Layout& layout;
    Random& random;
    HelperRuns& helpers;
    Runner& runner;  // is told BuildProgress and BuildEnded
  };
  explicit Imports(Parts parts) : parts_(parts) {}

  void begin(const fleet::BuildImage& action);  // REQUIRES: action.source
  void cancel(fleet::Token token);              // one that is not known is fine
  void jail_down();                             // every import has ended

  // A stream socket (non-blocking) whose other end a helper reads the file from. Code::conflict:
  // no import of this image waits for a file.
  Result<Fd> open_upload(const std::string& project, const std::string& name);

 private:
  struct Import {
    std::unique_ptr<image::ImportPlan> plan;
    std::string project, name;
    Uuid helper;
    Fd connection;  // the helper's end, until it has it
    Fd disk;        // what convert writes
    std::unique_ptr<Handle> timer;
  };

  std::string upload_path(const Import& import) const;
  Result<Fd> open(Import& import, image::ImportFile file);
  Status open_disk(Import& import);
  void carry_out(fleet::Token token, image::ImportActions actions);
  void carry_out(fleet::Token token, image::ImportAction& action);
  void run(fleet::Token token, const image::RunImportHelper& action);
  void wait(fleet::Token token);
  void end(fleet::Token token, image::EndImport& end);
  void remove_old();

  Parts parts_;
  std::map<fleet::Token, Import> imports_;
};

}  // namespace bridle::daemon
