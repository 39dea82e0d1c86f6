#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <set>

#include "backup/archive.h"
#include "backup/backup.h"
#include "backup/give.h"
#include "base/crash_point.h"
#include "base/file.h"
#include "store/schema.h"
#include "store/sqlite_store.h"

namespace bridle::backup {
namespace {

namespace json = boost::json;

Owner owner_of(const Layout& layout, uid_t uid) {
  if (uid == layout.daemon_uid()) return Owner::daemon;
  return uid == layout.images_uid() ? Owner::images : Owner::root;
}

// A regular file below the root and what the archive says of it. Never follows a link.
struct Source {
  Fd fd;
  EntryHead head;
};
Result<Source> open_source(const Layout& layout, const std::string& path) {
  Source source;
  BRIDLE_TRY(source.fd, open_file(layout.root() + "/" + path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat seen {};
  if (::fstat(source.fd.get(), &seen) != 0) return errno_error(path);
  if (!S_ISREG(seen.st_mode)) return Error(Code::invalid, path + " is no regular file");
  source.head = {path, owner_of(layout, seen.st_uid), seen.st_mode & 0777u,
                 static_cast<uint64_t>(seen.st_size)};
  return source;
}

// The ledger grows while it is read: what is there is taken up to the end of a whole line.
Status cut_to_lines(Source& source) {
  uint64_t size = source.head.size;
  while (size > 0) {
    char last = 0;
    if (::pread(source.fd.get(), &last, 1, static_cast<off_t>(size - 1)) != 1)
      return errno_error(source.head.path);
    if (last == '\n') break;
    --size;
  }
  source.head.size = size;
  return {};
}

// Names of regular files in root/folder, in order; none where there is no folder.
std::vector<std::string> files_in(const Layout& layout, const std::string& folder) {
  std::vector<std::string> out;
  const auto names = list_folder(layout.root() + "/" + folder);
  if (!names) return out;
  for (const std::string& name : *names) {
    struct stat seen {};
    const std::string path = folder + "/" + name;
    if (::lstat((layout.root() + "/" + path).c_str(), &seen) != 0) continue;
    if (S_ISREG(seen.st_mode)) out.push_back(path);
    if (!S_ISDIR(seen.st_mode)) continue;
    for (std::string& below : files_in(layout, path)) out.push_back(std::move(below));
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Facts about this machine, made anew anywhere; the store and the ledger have their own turn.
bool is_taken_otherwise(const std::string& path) {
  static const std::set<std::string, std::less<>> names = {
      "state/store.db",    "state/store.db-wal", "state/store.db-shm",
      "state/snapshot.db", "state/kvm.json",     "state/parts.checked"};
  return names.contains(path) || path.starts_with("state/ledger/") ||
         path.starts_with("state/snapshot.db-");
}

Status check_nobody_runs(const Layout& layout) {
  const auto guests = list_folder(layout.guests());
  if (guests && !guests->empty())
    return Error(Code::conflict,
                 "guests run: a volume that is being written cannot be copied; stop them, or leave "
                 "--volumes out");
  return {};
}

class Backup {
 public:
  Backup(const Layout& layout, Writer& writer) : layout_(layout), writer_(writer) {}

  Status add(const std::string& path, std::string as = {}) {
    BRIDLE_TRY(Source source, open_source(layout_, path));
    if (path == "state/ledger/ledger.log") BRIDLE_CHECK(cut_to_lines(source));
    if (!as.empty()) source.head.path = std::move(as);
    BRIDLE_CHECK(writer_.add_file(source.head, source.fd.get()));
    summary.entries += 1;
    summary.bytes += source.head.size;
    return {};
  }
  Status add_all(const std::string& folder) {
    for (const std::string& path : files_in(layout_, folder)) BRIDLE_CHECK(add(path));
    return {};
  }
  // The head before the log: a log that is younger than its head is what a crash leaves, too.
  Status add_ledger() {
    const std::string log = "state/ledger/ledger.log";
    for (const std::string& path : files_in(layout_, "state/ledger"))
      if (path != log) BRIDLE_CHECK(add(path));
    return add(log);
  }
  // What TPMs keep, each as of one moment: swtpm writes a new file and renames it. A machine that
  // is being deleted takes its own with it.
  Status add_tpms() {
    for (const std::string& path : files_in(layout_, "tpm")) {
      if (!path.ends_with("/tpm2-00.permall")) continue;  // its lock, its drafts (TMP2-00.permall)
      const Status added = add(path);
      if (!added.ok() && added.error().code() != Code::not_found) return added;
    }
    return {};
  }
  Status add_state() {
    for (const std::string& path : files_in(layout_, "state"))
      if (!is_taken_otherwise(path)) BRIDLE_CHECK(add(path));
    return {};
  }

  Summary summary;

 private:
  const Layout& layout_;
  Writer& writer_;
};

std::string manifest(const Layout& layout, const Content& content, const Summary& summary) {
  return json::serialize(json::object{{"format", format_version},
                                      {"bridle", BRIDLE_VERSION},
                                      {"storeSchema", store::schema_version},
                                      {"created", summary.created},
                                      {"root", layout.root()},
                                      {"images", content.images},
                                      {"volumes", content.volumes}});
}

// state/snapshot.db: the daemon's, or, where none runs, made here.
Status ensure_snapshot(const Layout& layout) {
  const std::string path = layout.state() + "/snapshot.db";
  if (::access(path.c_str(), F_OK) == 0) return {};
  if (::access(layout.store_file().c_str(), F_OK) != 0)
    return Error(Code::not_found, layout.store_file() + " does not exist: nothing to back up");
  BRIDLE_TRY(const auto store, store::open_sqlite_store(layout.store_file()));
  BRIDLE_CHECK(store->copy_to(path));
  return give(path, layout.daemon_uid());
}

Status write(const Layout& layout, Writer& writer, const Content& content, Summary& summary) {
  Backup backup(layout, writer);
  backup.summary = summary;
  const EntryHead head = {"backup.json", Owner::root, 0600, 0};
  const std::string text = manifest(layout, content, summary);
  BRIDLE_CHECK(writer.add({head.path, head.owner, head.mode, text.size()}, text));
  BRIDLE_CHECK(backup.add("state/snapshot.db", "state/store.db"));
  BRIDLE_CHECK(backup.add_ledger());
  BRIDLE_CHECK(backup.add_state());
  BRIDLE_CHECK(backup.add_tpms());
  BRIDLE_CHECK(backup.add_all("images/manifests"));
  if (content.images) BRIDLE_CHECK(backup.add_all("images/parts"));
  if (content.volumes) BRIDLE_CHECK(backup.add_all("volumes"));
  summary = backup.summary;
  return writer.finish();
}

}  // namespace

Result<Summary> make(const Layout& layout, const std::string& file, std::string_view secret,
                     const Content& content, Random& random, WallTime now) {
  if (content.volumes) BRIDLE_CHECK(check_nobody_runs(layout));
  Summary summary;
  summary.made_by = BRIDLE_VERSION;
  summary.created = now.text();
  const std::string draft = file + ".incomplete";
  const auto whole = [&]() -> Status {
    BRIDLE_CHECK(ensure_snapshot(layout));
    BRIDLE_TRY(const Fd out, open_file(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
    BRIDLE_TRY(Writer writer, Writer::create(out.get(), secret, random));
    BRIDLE_CHECK(write(layout, writer, content, summary));
    BRIDLE_CRASH_POINT("backup.sync");
    if (::fsync(out.get()) != 0) return errno_error(draft);
    BRIDLE_CRASH_POINT("backup.rename");
    if (::rename(draft.c_str(), file.c_str()) != 0) return errno_error(file);
    const size_t slash = file.rfind('/');
    return sync_folder(slash == std::string::npos ? "." : file.substr(0, slash + 1));
  };
  const Status done = whole();
  const Status removed = remove_file(layout.state() + "/snapshot.db");
  if (!done.ok()) {
    (void)remove_file(draft).ok();
    return done.error();
  }
  if (!removed.ok()) return removed.error();
  return summary;
}

}  // namespace bridle::backup
