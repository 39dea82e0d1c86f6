#include "image/fetch.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

#include "base/child.h"
#include "base/file.h"
#include "base/hash.h"

namespace bridle::image {
namespace {

constexpr std::string_view release = "bookworm";

std::string apt_folder(const Layout& layout) { return layout.cache() + "/apt"; }

Result<std::vector<SourceFile>> machine_sources() {
  std::vector<SourceFile> out;
  const auto add = [&out](const std::string& path) {
    if (auto text = read_file(path, 1 << 20); text.ok()) out.push_back({path, *std::move(text)});
  };
  add("/etc/apt/sources.list");
  const auto names = list_folder("/etc/apt/sources.list.d");
  if (names.ok())
    for (const std::string& name : *names) add("/etc/apt/sources.list.d/" + name);
  return debian_sources(out, release);
}

class Apt {
 public:
  explicit Apt(const Layout& layout) : layout_(layout), folder_(apt_folder(layout)) {}

  // Folders, sources and a configuration that leaves the machine's hooks out.
  Status prepare() {
    for (const char* name :
         {"/state/lists/partial", "/cache/archives/partial", "/none/partial", "/sources", "/tmp"})
      BRIDLE_CHECK(make_folders(folder_ + name, 0755));
    BRIDLE_CHECK(make_folders(archives_folder(layout_), 0755));
    BRIDLE_CHECK(make_folders(layout_.cache() + "/sets", 0755));
    BRIDLE_TRY(const auto dump, run_child({.argv = {"/usr/bin/apt-config", "dump"}}));
    BRIDLE_CHECK(write_file_durably(folder_ + "/apt.conf", configuration(dump.out), 0644));
    BRIDLE_CHECK(write_file_durably(folder_ + "/status", "", 0644));
    BRIDLE_CHECK(remove_tree(folder_ + "/sources"));
    BRIDLE_CHECK(make_folder(folder_ + "/sources", 0755));
    BRIDLE_TRY(const auto sources, machine_sources());
    for (const SourceFile& file : sources)
      BRIDLE_CHECK(write_file_durably(folder_ + "/sources/" + file.name, file.text, 0644));
    return {};
  }

  Status update() {
    // One source that fails is a failure: the closure would be resolved against old lists.
    return to_status(
        run({"-o", "APT::Update::Error-Mode=any", "update"}, std::chrono::minutes(5), {}),
        "the package lists could not be fetched");
  }

  Result<std::vector<Package>> closure(const std::vector<std::string>& packages) {
    std::vector<std::string> words = {"--print-uris",
                                      "--yes",
                                      "--no-install-recommends",
                                      "-o",
                                      "Dir::Cache::archives=" + folder_ + "/none",
                                      "install"};
    words.insert(words.end(), packages.begin(), packages.end());
    BRIDLE_TRY(const auto ran, run(words, std::chrono::minutes(1), {}));
    return parse_print_uris(ran.out);
  }

  Status download(const std::vector<Package>& packages, const Progress& progress) {
    std::vector<std::string> words = {"download"};
    for (const Package& p : packages) words.push_back(p.name + "=" + p.version);
    size_t count = 0;
    const auto on_line = [&](std::string_view line) {
      if (!line.starts_with("Get:") || count >= packages.size()) return;
      ++count;
      progress(15 + static_cast<int>(80 * count / packages.size()),
               "fetching " + std::to_string(count) + "/" + std::to_string(packages.size()) + " " +
                   packages[count - 1].name);
    };
    return to_status(run(words, std::chrono::minutes(30), on_line),
                     "packages could not be fetched");
  }

 private:
  std::string configuration(const std::string& dump) const {
    return acquire_settings(dump) + "Dir::Etc::parts \"" + folder_ + "/none\";\n" +
           "Dir::Etc::main \"/dev/null\";\nDir::Etc::preferences \"/dev/null\";\n" +
           "Dir::Etc::preferencesparts \"" + folder_ + "/none\";\n" +
           "Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"" + folder_ +
           "/sources\";\nDir::State \"" + folder_ + "/state\";\nDir::State::status \"" + folder_ +
           "/status\";\nDir::Cache \"" + folder_ + "/cache\";\nAPT::Sandbox::User \"\";\n" +
           "APT::Architecture \"amd64\";\nAPT::Architectures { \"amd64\"; };\n" +
           "APT::Get::AllowUnauthenticated \"false\";\n" +
           "Acquire::AllowInsecureRepositories \"false\";\nAcquire::Languages \"none\";\n" +
           "Acquire::Retries \"3\";\nAcquire::ForceHash \"SHA256\";\n";
  }

  Result<ChildResult> run(std::vector<std::string> words, Duration timeout,
                          std::function<void(std::string_view)> on_line) {
    words.insert(words.begin(), {"/usr/bin/apt-get", "-q"});
    ChildSpec spec;
    spec.argv = std::move(words);
    spec.environment.push_back("APT_CONFIG=" + folder_ + "/apt.conf");
    spec.environment.push_back("TMPDIR=" + folder_ + "/tmp");
    for (const char* name : {"http_proxy", "https_proxy", "no_proxy"})
      if (const char* value = std::getenv(name))
        spec.environment.push_back(std::string(name) + "=" + value);
    spec.folder = archives_folder(layout_);
    spec.timeout = timeout;
    spec.most_output = 8 << 20;
    spec.on_line = std::move(on_line);
    return run_child(spec);
  }

  static Status to_status(Result<ChildResult> ran, std::string_view what) {
    if (ran.ok()) return {};
    return Error(Code::unreachable, std::string(what) + ": " + ran.error().message());
  }

  const Layout& layout_;
  std::string folder_;
};

bool same_boot_kernel(const Package& p) {
  return p.name.starts_with("linux-image-") && p.name != kernel_package;
}

Result<PackageSet> resolve(Apt& apt, const Recipe& recipe) {
  PackageSet set;
  set.request = request_digest(recipe);
  BRIDLE_TRY(const auto boot,
             apt.closure({std::string(kernel_package), std::string(busybox_package)}));
  for (const Package& p : boot)
    if (same_boot_kernel(p) || p.name == busybox_package) set.boot.push_back(p);
  if (set.boot.size() != 2)
    return Error(Code::not_found, "the sources have no " + std::string(kernel_package) + " and " +
                                      std::string(busybox_package));
  if (recipe.packages.empty()) return set;
  BRIDLE_TRY(set.tree, apt.closure(recipe.packages));
  return set;
}

std::vector<Package> all_of(const PackageSet& set) {
  std::vector<Package> all = set.boot;
  all.insert(all.end(), set.tree.begin(), set.tree.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::vector<Package> missing_of(const Layout& layout, const PackageSet& set) {
  std::vector<Package> missing;
  for (const Package& p : all_of(set))
    if (!check_archive(layout, p).ok()) missing.push_back(p);
  return missing;
}

bool is_fresh(const Layout& layout, const Recipe& recipe, Duration max_age) {
  const std::string path = set_file(layout, recipe);
  struct stat seen = {};
  if (::stat(path.c_str(), &seen) != 0) return false;
  SystemClock clock;
  const int64_t age = clock.wall().ns / 1000000000 - seen.st_mtim.tv_sec;
  if (age < 0 || std::chrono::seconds(age) > max_age) return false;
  const auto text = read_file(path);
  if (!text.ok()) return false;
  const auto set = decode_package_set(*text);
  return set.ok() && set->request == request_digest(recipe) && missing_of(layout, *set).empty();
}

}  // namespace

std::string archives_folder(const Layout& layout) { return layout.cache() + "/archives"; }

std::string set_file(const Layout& layout, const Recipe& recipe) {
  return layout.cache() + "/sets/" + recipe.name + ".json";
}

std::string request_digest(const Recipe& recipe) {
  std::string text = std::string(release) + "\n";
  text.append(kernel_package).append("\n").append(busybox_package).append("\n--\n");
  for (const std::string& name : recipe.packages) text += name + "\n";
  return hex(sha256(text));
}

Status check_archive(const Layout& layout, const Package& package) {
  const std::string path = archives_folder(layout) + "/" + package.file;
  BRIDLE_TRY(const Fd fd, open_file(path, O_RDONLY | O_NOFOLLOW));
  struct stat seen = {};
  if (::fstat(fd.get(), &seen) != 0) return errno_error(path);
  if (static_cast<uint64_t>(seen.st_size) != package.size)
    return Error(Code::corrupt, path + ": its size is not the indexed one");
  BRIDLE_TRY(const Sha256 digest, sha256_of_file(fd.get()));
  if (hex(digest) != package.sha256)
    return Error(Code::corrupt, path + ": its digest is not the indexed one");
  return {};
}

Status fetch(const Layout& layout, const Recipe& recipe, const FetchOptions& options,
             const Progress& progress) {
  progress(0, "looking at the cache");
  if (is_fresh(layout, recipe, options.max_age)) {
    progress(100, "packages are cached");
    return {};
  }
  Apt apt(layout);
  BRIDLE_CHECK(apt.prepare());
  progress(2, "fetching package lists");
  BRIDLE_CHECK(apt.update());
  progress(12, "resolving dependencies");
  BRIDLE_TRY(const PackageSet set, resolve(apt, recipe));
  const auto missing = missing_of(layout, set);
  for (const Package& p : missing)
    BRIDLE_CHECK(remove_file(archives_folder(layout) + "/" + p.file));
  if (!missing.empty()) BRIDLE_CHECK(apt.download(missing, progress));
  progress(96, "checking digests");
  for (const Package& p : missing) BRIDLE_CHECK(check_archive(layout, p));
  BRIDLE_CHECK(write_file_durably(set_file(layout, recipe), encode_package_set(set), 0644));
  progress(100, "fetched " + std::to_string(missing.size()) + " packages");
  return {};
}

}  // namespace bridle::image
