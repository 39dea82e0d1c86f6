#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "backup/archive.h"
#include "backup/backup.h"
#include "backup/give.h"
#include "base/crash_point.h"
#include "base/file.h"
#include "store/schema.h"

namespace bridle::backup {
namespace {

namespace json = boost::json;

constexpr size_t longest_manifest = 64 << 10;

uid_t uid_of(const Layout& layout, Owner owner) {
  if (owner == Owner::daemon) return layout.daemon_uid();
  return owner == Owner::images ? layout.images_uid() : 0;
}

// Folders whose files a backup may hold, and their owners.
struct Place {
  std::string_view folder;
  Owner owner;
  mode_t mode;   // of the folder
  mode_t inner;  // of those in it
};
// A TPM's state is root's until its machine starts: its uid depends on the slot that it gets then.
constexpr Place places[] = {{"state", Owner::daemon, 0700, 0700},
                            {"images", Owner::images, 0755, 0755},
                            {"tpm", Owner::root, 0711, 0700},
                            {"volumes", Owner::daemon, 0700, 0700}};

const Place* place_of(std::string_view path) {
  for (const Place& place : places)
    if (path.starts_with(place.folder) && path[place.folder.size()] == '/') return &place;
  return nullptr;
}

bool holds_files(const std::string& folder) {
  const auto names = list_folder(folder);
  if (!names) return false;
  for (const std::string& name : *names) {
    struct stat seen {};
    const std::string path = folder + "/" + name;
    if (::lstat(path.c_str(), &seen) != 0) continue;
    if (!S_ISDIR(seen.st_mode) || holds_files(path)) return true;
  }
  return false;
}

Status check_empty(const Layout& layout) {
  for (const Place& place : places)
    if (holds_files(layout.root() + "/" + std::string(place.folder)))
      return Error(Code::refused, layout.root() + "/" + std::string(place.folder) +
                                      " holds files: a backup is restored into an empty root only; "
                                      "stop Bridle there, and move the folder away");
  return {};
}

Status clear(const Layout& layout) {
  for (const Place& place : places)
    BRIDLE_CHECK(remove_tree(layout.root() + "/" + std::string(place.folder)));
  return sync_folder(layout.root());
}

Result<std::string> read_content(Reader& reader, size_t most) {
  std::string out;
  while (true) {
    BRIDLE_TRY(const std::string piece, reader.read(piece_size));
    if (piece.empty()) return out;
    if (out.size() + piece.size() > most) return Error(Code::corrupt, "backup.json is too long");
    out += piece;
  }
}

// The first entry.
Result<Summary> read_manifest(Reader& reader) {
  BRIDLE_TRY(const auto head, reader.next());
  if (!head || head->path != "backup.json")
    return Error(Code::corrupt, "the backup does not begin with backup.json");
  BRIDLE_TRY(const std::string text, read_content(reader, longest_manifest));
  boost::system::error_code error;
  const json::value value = json::parse(text, error);
  const auto* object = error ? nullptr : value.if_object();
  const auto* schema = object == nullptr ? nullptr : object->if_contains("storeSchema");
  const auto* version = object == nullptr ? nullptr : object->if_contains("bridle");
  const auto* created = object == nullptr ? nullptr : object->if_contains("created");
  if (schema == nullptr || !schema->is_int64() || version == nullptr || !version->is_string() ||
      created == nullptr || !created->is_string())
    return Error(Code::corrupt, "backup.json is not as Bridle writes it");
  Summary summary;
  summary.made_by = version->get_string().c_str();
  summary.created = created->get_string().c_str();
  if (schema->get_int64() > store::schema_version)
    return Error(Code::refused, "downgrade refused: the backup's store has schema " +
                                    std::to_string(schema->get_int64()) + ", made by Bridle " +
                                    summary.made_by + "; this one knows up to " +
                                    std::to_string(store::schema_version));
  return summary;
}

// A file of the archive, below `base`, with its folders and their owners.
Status unpack(const Layout& layout, Reader& reader, const EntryHead& head,
              const std::string& base) {
  const Place* place = place_of(head.path);
  if (place == nullptr) return Error(Code::corrupt, head.path + " has no place in a root");
  for (size_t end = head.path.find('/'); end != std::string::npos;
       end = head.path.find('/', end + 1)) {
    const std::string folder = base + "/" + head.path.substr(0, end);
    const uid_t owner = uid_of(layout, place->owner);
    const bool is_top = end == place->folder.size();
    BRIDLE_CHECK(make_folder(folder, is_top ? place->mode : place->inner));
    BRIDLE_CHECK(give(folder, owner));
  }
  const std::string path = base + "/" + head.path;
  BRIDLE_TRY(const Fd file, open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  while (true) {
    BRIDLE_TRY(const std::string piece, reader.read(piece_size));
    if (piece.empty()) break;
    BRIDLE_CHECK(write_all(file.get(), piece));
  }
  BRIDLE_CHECK(give(path, uid_of(layout, head.owner)));
  if (::fchmod(file.get(), head.mode) != 0) return errno_error(path);
  BRIDLE_CRASH_POINT("restore.sync");
  if (::fsync(file.get()) != 0) return errno_error(path);
  return {};
}

// base empty: only read.
Result<Summary> read_all_entries(const Layout* layout, const std::string& file,
                                 std::string_view secret, const std::string& base) {
  BRIDLE_TRY(const Fd in, open_file(file, O_RDONLY));
  BRIDLE_TRY(Reader reader, Reader::open(in.get(), secret));
  BRIDLE_TRY(Summary summary, read_manifest(reader));
  while (true) {
    BRIDLE_TRY(const auto head, reader.next());
    if (!head) return summary;
    summary.entries += 1;
    summary.bytes += head->size;
    if (layout != nullptr) BRIDLE_CHECK(unpack(*layout, reader, *head, base));
  }
}

// The names of what was unpacked, deepest first.
Status sync_folders(const std::string& folder) {
  BRIDLE_TRY(const auto names, list_folder(folder));
  for (const std::string& name : names) {
    struct stat seen {};
    const std::string path = folder + "/" + name;
    if (::lstat(path.c_str(), &seen) != 0) return errno_error(path);
    if (S_ISDIR(seen.st_mode)) BRIDLE_CHECK(sync_folders(path));
  }
  return sync_folder(folder);
}

// What prepare_root() made there is empty and makes room. The folder of the restore goes last: as
// long as it is there, the root is half of one.
Status put_in_place(const Layout& layout, const std::string& base) {
  for (const Place& place : places) {
    const std::string from = base + "/" + std::string(place.folder);
    const std::string to = layout.root() + "/" + std::string(place.folder);
    if (::access(from.c_str(), F_OK) != 0) continue;
    BRIDLE_CHECK(remove_tree(to));
    BRIDLE_CRASH_POINT("restore.rename");
    if (::rename(from.c_str(), to.c_str()) != 0) return errno_error(to);
  }
  BRIDLE_CHECK(sync_folder(layout.root()));
  BRIDLE_CHECK(remove_tree(base));
  return sync_folder(layout.root());
}

}  // namespace

Result<Summary> restore(const Layout& layout, const std::string& file, std::string_view secret) {
  BRIDLE_CHECK(make_folders(layout.root(), 0755));
  const std::string base = layout.root() + "/restore.incomplete";
  // A restore that was killed began in an empty root, and jail::prepare_root refuses what it left.
  if (::access(base.c_str(), F_OK) == 0)
    BRIDLE_CHECK(clear(layout));
  else
    BRIDLE_CHECK(check_empty(layout));
  BRIDLE_CHECK(remove_tree(base));
  BRIDLE_CHECK(make_folder(base, 0755));
  BRIDLE_CHECK(sync_folder(layout.root()));
  auto summary = read_all_entries(&layout, file, secret, base);
  Status placed = summary.ok() ? sync_folders(base) : Status();
  if (summary.ok() && placed.ok()) placed = put_in_place(layout, base);
  if (!placed.ok()) (void)clear(layout).ok();
  if (!summary.ok() || !placed.ok()) (void)remove_tree(base).ok();
  if (!placed.ok()) return placed.error();
  return summary;
}

Result<Summary> verify(const std::string& file, std::string_view secret) {
  return read_all_entries(nullptr, file, secret, {});
}

}  // namespace bridle::backup
