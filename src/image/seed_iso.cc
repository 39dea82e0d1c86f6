#include "image/seed_iso.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/child.h"
#include "base/crash_point.h"
#include "base/file.h"

namespace bridle::image {
namespace {

Status run_xorriso(const std::string& folder, const std::string& out) {
  ChildSpec spec;
  spec.argv = {"/usr/bin/xorriso",
               "-no_rc",
               "-abort_on",
               "FAILURE",
               "-as",
               "mkisofs",
               "-quiet",
               "-V",
               "cidata",
               "-J",
               "-r",
               "--set_all_file_dates",
               "2000010100000000",
               "--modification-date=2000010100000000",
               "-o",
               out,
               folder};
  // xorriso takes the dates it is not told from here.
  spec.environment.emplace_back("SOURCE_DATE_EPOCH=946684800");
  spec.timeout = std::chrono::seconds(30);
  BRIDLE_TRY(const auto ran, run_child(spec));
  return {};
}

}  // namespace

std::string seed_iso_path(const Layout& layout, const Uuid& machine) {
  return layout.volumes() + "/seeds/" + machine.text() + ".iso";
}

Result<std::string> write_seed_iso(const Layout& layout, const Uuid& machine,
                                   const SeedTexts& texts) {
  const std::string path = seed_iso_path(layout, machine);
  const std::string draft = path + ".incomplete", folder = path + ".folder";
  BRIDLE_CHECK(make_folder(layout.volumes() + "/seeds", 0700));
  BRIDLE_CHECK(remove_tree(folder));
  BRIDLE_CHECK(make_folder(folder, 0700));
  Status status = write_file_durably(folder + "/meta-data", texts.meta_data, 0644);
  if (status.ok()) status = write_file_durably(folder + "/user-data", texts.user_data, 0644);
  if (status.ok()) status = remove_file(draft);
  if (status.ok()) status = run_xorriso(folder, draft);
  (void)remove_tree(folder).ok();
  if (!status.ok()) {
    (void)remove_file(draft).ok();
    return status.error();
  }
  BRIDLE_CRASH_POINT("seed.rename");
  if (::chmod(draft.c_str(), 0600) != 0 || ::rename(draft.c_str(), path.c_str()) != 0)
    return errno_error(path);
  return path;
}

Status delete_seed_iso(const Layout& layout, const Uuid& machine) {
  return remove_file(seed_iso_path(layout, machine));
}

}  // namespace bridle::image
