#include "image/take_in.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/crash_point.h"
#include "base/file.h"
#include "base/hash.h"
#include "image/build.h"
#include "image/recipe.h"

namespace bridle::image {

std::string part_path(const Layout& layout, const std::string& digest) {
  return layout.parts() + "/" + digest;
}

namespace {

// Copies all of `from` into `to`, and gives the digest of what was written.
Result<Sha256> copy_and_digest(int from, int to, uint64_t most) {
  Sha256Stream stream;
  std::string chunk(1 << 20, '\0');
  uint64_t total = 0;
  while (true) {
    const ssize_t n = ::read(from, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("reading the part");
    if (n == 0) return stream.finish();
    total += static_cast<uint64_t>(n);
    if (total > most) return Error(Code::corrupt, "it is larger than the manifest says");
    const std::string_view bytes(chunk.data(), static_cast<size_t>(n));
    stream.update(bytes);
    BRIDLE_CHECK(write_all(to, bytes));
  }
}

Status settle(const Fd& copy, const std::string& draft, const std::string& to) {
  if (::fchmod(copy.get(), 0444) != 0) return errno_error(draft);
  BRIDLE_CRASH_POINT("part.sync");
  if (::fsync(copy.get()) != 0) return errno_error(draft);
  BRIDLE_CRASH_POINT("part.rename");
  if (::rename(draft.c_str(), to.c_str()) != 0) return errno_error(to);
  return {};
}

Status copy_in(const std::string& from, const std::string& to, const model::Part& part) {
  BRIDLE_TRY(const Fd source, open_file(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat seen = {};
  if (::fstat(source.get(), &seen) != 0) return errno_error(from);
  if (!S_ISREG(seen.st_mode)) return Error(Code::corrupt, "it is not a file");
  const std::string draft = to + ".incomplete";
  BRIDLE_CHECK(remove_file(draft));
  BRIDLE_TRY(const Fd copy, open_file(draft, O_WRONLY | O_CREAT | O_EXCL, 0444));
  const auto digest = copy_and_digest(source.get(), copy.get(), part.size);
  Status status;
  if (!digest.ok())
    status = digest.error();
  else if (hex(*digest) != part.digest)
    status = Error(Code::corrupt, "its digest is not the manifest's");
  else
    status = settle(copy, draft, to);
  if (!status.ok()) (void)remove_file(draft).ok();
  return status;
}

Status take_part(const Layout& layout, const std::string& folder, const std::string& name,
                 const model::Part& part) {
  if (part.digest.empty()) return {};
  if (check_part(layout, part.digest).ok()) return {};
  return copy_in(folder + "/" + name, part_path(layout, part.digest), part).context(name);
}

}  // namespace

Result<Manifest> take_in(const Layout& layout, const Uuid& id, const Progress& progress) {
  const std::string folder = incoming_folder(layout, id);
  BRIDLE_TRY(const std::string text, read_file(folder + "/manifest.json", longest_manifest));
  BRIDLE_TRY(const Manifest manifest, decode_manifest(text));
  BRIDLE_TRY(const Recipe* recipe, find_recipe(manifest.recipe));
  BRIDLE_CHECK(make_folder(layout.parts(), 0755));
  BRIDLE_CHECK(make_folder(layout.images() + "/manifests", 0755));
  struct Named {
    const char* name;
    const model::Part* part;
  };
  int done = 0;
  for (const Named& one : {Named{"kernel", &manifest.kernel}, Named{"initrd", &manifest.initrd},
                           Named{"disk", &manifest.disk}}) {
    progress(5 + 30 * done++, std::string("storing the ") + one.name);
    BRIDLE_CHECK(take_part(layout, folder, one.name, *one.part));
  }
  BRIDLE_CHECK(sync_folder(layout.parts()));
  BRIDLE_CHECK(
      write_file_durably(kept_manifest(layout, recipe->name), encode_manifest(manifest), 0444));
  progress(100, "stored");
  return manifest;
}

Status check_part(const Layout& layout, const std::string& digest) {
  if (!is_digest(digest)) return Error(Code::invalid, "a part's name is 64 hexadecimal digits");
  const std::string path = part_path(layout, digest);
  BRIDLE_TRY(const Fd fd, open_file(path, O_RDONLY | O_NOFOLLOW));
  BRIDLE_TRY(const Sha256 seen, sha256_of_file(fd.get()));
  if (hex(seen) != digest)
    return Error(Code::corrupt, "image part " + digest + " was changed on disk; its bytes are " +
                                    hex(seen) + " now");
  return {};
}

bool is_draft(std::string_view name) { return name.ends_with(".incomplete"); }

Result<std::vector<std::string>> collect(const Layout& layout,
                                         const std::vector<std::string>& digests, Duration grace) {
  std::vector<std::string> names;
  for (const std::string& digest : digests) {
    if (!is_digest(digest)) return Error(Code::invalid, "a part's name is 64 hexadecimal digits");
    names.push_back(digest);
  }
  BRIDLE_TRY(std::vector<std::string> present, list_folder(layout.parts()));
  for (std::string& name : present)
    if (is_draft(name)) names.push_back(std::move(name));
  std::vector<std::string> removed;
  SystemClock clock;
  for (std::string& name : names) {
    const std::string path = layout.parts() + "/" + name;
    struct stat seen = {};
    if (::lstat(path.c_str(), &seen) != 0) continue;
    const int64_t age = clock.wall().ns - (seen.st_mtim.tv_sec * 1000000000 + seen.st_mtim.tv_nsec);
    if (Duration(age) < grace) continue;
    BRIDLE_CHECK(remove_file(path));
    removed.push_back(std::move(name));
  }
  BRIDLE_CHECK(sync_folder(layout.parts()));
  return removed;
}

}  // namespace bridle::image
