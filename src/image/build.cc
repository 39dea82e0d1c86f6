#include "image/build.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/child.h"
#include "base/file.h"
#include "base/hash.h"
#include "image/boot_kit.h"
#include "image/fetch.h"
#include "image/tree.h"

namespace bridle::image {
namespace {

// Rises when the same inputs would give other images.
constexpr int helper_format = 2;

// The folder of one build, a tmpfs for what is unpacked where that can be mounted; both scratch
// folders are gone at the end of life.
class Workplace {
 public:
  explicit Workplace(std::string output) : output_(std::move(output)) {}
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  ~Workplace() {
    if (mounted_) ::umount2(scratch().c_str(), MNT_DETACH);
    (void)remove_tree(scratch()).ok();
    (void)remove_file(output_ + "/disk.raw").ok();
  }

  Status set_up() {
    BRIDLE_CHECK(make_folder(output_, 0755));
    if (::chmod(output_.c_str(), 0755) != 0) return errno_error(output_);
    BRIDLE_CHECK(make_folder(scratch(), 0700));
    mounted_ = ::mount("bridle-build", scratch().c_str(), "tmpfs", MS_NOSUID | MS_NODEV,
                       "mode=700,size=3g") == 0;
    return {};
  }
  std::string scratch() const { return output_ + "/scratch"; }
  std::string out(const std::string& name) const { return output_ + "/" + name; }

 private:
  std::string output_;
  bool mounted_ = false;
};

Result<model::Part> part_of(const std::string& path) {
  BRIDLE_TRY(const Fd fd, open_file(path, O_RDONLY | O_NOFOLLOW));
  struct stat seen = {};
  if (::fstat(fd.get(), &seen) != 0) return errno_error(path);
  BRIDLE_TRY(const Sha256 digest, sha256_of_file(fd.get()));
  return model::Part{hex(digest), static_cast<uint64_t>(seen.st_size)};
}

// A part as the manifest names it; readable to the store helper, whose uid is another.
Result<model::Part> made_part(const std::string& path) {
  if (::chmod(path.c_str(), 0644) != 0) return errno_error(path);
  return part_of(path);
}

class Builder {
 public:
  Builder(const Layout& layout, const Recipe& recipe, const GuestFiles& files, Workplace& place)
      : layout_(layout), recipe_(recipe), files_(files), place_(place) {}

  Result<Manifest> run(const PackageSet& set, const Progress& progress) {
    BRIDLE_CHECK(check_archives(set, progress));
    BRIDLE_CHECK(unpack_boot(set, progress));
    BRIDLE_CHECK(make_boot_kit(progress));
    if (recipe_.has_disk()) BRIDLE_CHECK(make_disk(set, progress));
    return describe(progress);
  }

 private:
  Status check_archives(const PackageSet& set, const Progress& progress) {
    progress(1, "checking packages");
    for (const auto* list : {&set.boot, &set.tree})
      for (const Package& p : *list) BRIDLE_CHECK(check_archive(layout_, p));
    return {};
  }

  std::string archive(const Package& p) const { return archives_folder(layout_) + "/" + p.file; }

  Status unpack_boot(const PackageSet& set, const Progress& progress) {
    progress(4, "unpacking the kernel");
    for (const Package& p : set.boot)
      BRIDLE_CHECK(
          discard_output(run_child({.argv = {"/usr/bin/dpkg-deb", "-x", archive(p), boot()},
                                    .timeout = std::chrono::minutes(5)})));
    return {};
  }

  Status make_boot_kit(const Progress& progress) {
    progress(12, "making the initial RAM disk");
    BRIDLE_TRY(const std::string kernel, kernel_file(boot()));
    BRIDLE_TRY(const std::string kernel_bytes, read_file(kernel, 64 << 20));
    BRIDLE_CHECK(write_file_durably(place_.out("kernel"), kernel_bytes, 0644));
    const std::string busybox = boot() + "/bin/busybox";
    BRIDLE_TRY(const auto applets, run_child({.argv = {busybox, "--list"}}));
    BRIDLE_TRY(const std::string plain,
               initrd_archive(recipe_, files_, boot(), busybox, applets.out));
    const std::string raw = place_.scratch() + "/initrd.cpio";
    BRIDLE_CHECK(write_file_durably(raw, plain, 0600));
    return discard_output(run_child(
        {.argv = {"/usr/bin/zstd", "-q", "-19", "-T1", "-f", raw, "-o", place_.out("initrd")},
         .timeout = std::chrono::minutes(5)}));
  }

  Status make_disk(const PackageSet& set, const Progress& progress) {
    const std::string tree = place_.scratch() + "/tree";
    BRIDLE_CHECK(make_folder(tree, 0755));
    std::vector<std::string> archives;
    for (const Package& p : set.tree) archives.push_back(archive(p));
    BRIDLE_CHECK(install_packages(tree, archives, [&](int percent, const std::string& what) {
      progress(15 + percent * 60 / 100, what);
    }));
    progress(76, "finishing the file system tree");
    BRIDLE_CHECK(finish_tree(tree, recipe_, files_, boot() + "/lib/modules"));
    progress(80, "making the file system");
    BRIDLE_CHECK(make_file_system(tree));
    progress(86, "compressing the disk");
    return discard_output(
        run_child({.argv = {"/usr/bin/qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", "-o",
                            "compression_type=zstd", place_.out("disk.raw"), place_.out("disk")},
                   .timeout = std::chrono::minutes(10)}));
  }

  Status make_file_system(const std::string& tree) {
    const std::string raw = place_.out("disk.raw");
    {
      BRIDLE_TRY(const Fd fd, open_file(raw, O_WRONLY | O_CREAT | O_TRUNC, 0600));
      // No crash point: in the build's own scratch folder, which is discarded whole.
      if (::ftruncate(fd.get(), static_cast<off_t>(recipe_.disk_size)) != 0)
        return errno_error(raw);
    }
    return discard_output(run_child(
        {.argv = {"/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-m", "1", "-L", "root", "-E",
                  "lazy_itable_init=0,lazy_journal_init=0,nodiscard", "-d", tree, raw},
         .timeout = std::chrono::minutes(10)}));
  }

  Result<Manifest> describe(const Progress& progress) {
    progress(97, "taking digests");
    Manifest m;
    m.recipe = recipe_.name;
    m.kernel_arguments = recipe_.kernel_arguments;
    m.least_memory = recipe_.least_memory;
    m.ignores_users = recipe_.ignores_users;
    BRIDLE_TRY(m.kernel, made_part(place_.out("kernel")));
    BRIDLE_TRY(m.initrd, made_part(place_.out("initrd")));
    if (recipe_.has_disk()) {
      BRIDLE_TRY(m.disk, made_part(place_.out("disk")));
      m.disk_format = "qcow2";
      m.disk_virtual_size = recipe_.disk_size;
    }
    return m;
  }

  static Status discard_output(Result<ChildResult> ran) {
    if (!ran.ok()) return std::move(ran).error();
    return {};
  }

  std::string boot() const { return place_.scratch() + "/boot"; }

  const Layout& layout_;
  const Recipe& recipe_;
  const GuestFiles& files_;
  Workplace& place_;
};

bool part_is_whole(const Layout& layout, const model::Part& part) {
  if (part.digest.empty()) return true;
  const auto seen = part_of(layout.parts() + "/" + part.digest);
  return seen.ok() && seen->digest == part.digest && seen->size == part.size;
}

Result<PackageSet> fetched_set(const Layout& layout, const Recipe& recipe) {
  const std::string path = set_file(layout, recipe);
  auto text = read_file(path, 4 << 20);
  if (!text.ok()) return std::move(text).error().context("nothing is fetched for " + recipe.name);
  BRIDLE_TRY(PackageSet set, decode_package_set(*text));
  if (set.request != request_digest(recipe))
    return Error(Code::conflict, path + ": fetched for another recipe; fetch again");
  return set;
}

}  // namespace

std::string incoming_folder(const Layout& layout, const Uuid& id) {
  return layout.incoming() + "/" + id.text();
}

std::string kept_manifest(const Layout& layout, const std::string& recipe) {
  return layout.images() + "/manifests/" + recipe + ".json";
}

std::string inputs_digest(const Recipe& recipe, const PackageSet& set, const GuestFiles& files) {
  std::string text = "bridle image " + std::to_string(helper_format) + "\n" + recipe.name + "\n" +
                     recipe.kernel_arguments + "\n" + std::to_string(recipe.disk_size) + "\n" +
                     std::to_string(recipe.least_memory) + (recipe.ignores_users ? " -\n" : "\n");
  for (const std::string& name : recipe.modules) text += "module " + name + "\n";
  for (const auto* list : {&set.boot, &set.tree})
    for (const Package& p : *list) text += "package " + p.sha256 + "\n";
  for (const auto* list : {&recipe.initrd_files, &recipe.tree_files})
    for (const RecipeFile& file : *list) {
      const auto found = files.find(file.guest_file);
      const std::string_view bytes = found == files.end() ? std::string_view() : found->second;
      text +=
          "file " + file.path + " " + std::to_string(file.mode) + " " + hex(sha256(bytes)) + "\n";
    }
  return hex(sha256(text));
}

Result<Manifest> build(const Layout& layout, const Recipe& recipe, const Uuid& id,
                       const GuestFiles& files, const Progress& progress) {
  BRIDLE_TRY(const PackageSet set, fetched_set(layout, recipe));
  Workplace place(incoming_folder(layout, id));
  BRIDLE_CHECK(place.set_up());
  Builder builder(layout, recipe, files, place);
  BRIDLE_TRY(Manifest manifest, builder.run(set, progress));
  manifest.inputs = inputs_digest(recipe, set, files);
  BRIDLE_CHECK(write_file_durably(place.out("manifest.json"), encode_manifest(manifest), 0644));
  progress(100, "built");
  return manifest;
}

Status check_current(const Layout& layout, const Recipe& recipe, const GuestFiles& files) {
  BRIDLE_TRY(const PackageSet set, fetched_set(layout, recipe));
  BRIDLE_TRY(const std::string text,
             read_file(kept_manifest(layout, recipe.name), longest_manifest));
  BRIDLE_TRY(const Manifest kept, decode_manifest(text));
  if (kept.recipe != recipe.name || kept.inputs != inputs_digest(recipe, set, files))
    return Error(Code::gone, "what " + recipe.name + " is made of has changed");
  for (const auto* part : {&kept.kernel, &kept.initrd, &kept.disk})
    if (!part_is_whole(layout, *part))
      return Error(Code::corrupt, "image part " + part->digest + " is not as it was stored");
  return {};
}

Status discard(const Layout& layout, const Uuid& id) {
  return remove_tree(incoming_folder(layout, id));
}

}  // namespace bridle::image
