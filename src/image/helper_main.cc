// bridle-image-helper: the three helpers of image building, each run by the jail under a uid and
// with a confinement of its own (docs/images.md):
//
//   fetch   --root R --recipe NAME [--max-age SECONDS]      network, ROOT/cache
//   current --root R --recipe NAME                          as store: fails if a build is needed
//   build   --root R --recipe NAME --id UUID                user namespace, ROOT/images/incoming
//   discard --root R --id UUID                              as build: removes what it left
//   store   --root R --id UUID                              the images' uid, ROOT/images
//   digest  --root R DIGEST...                              as store: checks parts
//   collect --root R [--grace SECONDS] DIGEST...            as store: removes parts
//   receive --size N --digest HEX       21 connection, 22 upload: takes a file (docs/import.md)
//   convert --disk N --name N --project P [--owner O] [--format F]
//                                       21 upload, 22 disk: checks the one, writes the other
//   export  --format F [--backing F] --to F
//                                       21 connection, 22 volume, 23 output, 24 what lies below:
//                                       sends the volume (image/export.h)
//   adopt   --root R                    21 disk; as store: brings it into the store
//   recipes                                                 lists them
//
// Progress lines on standard output; the last line of a failure is "error CODE message" there. With
// --output-fd N both standard streams go to descriptor N. Exit: 0 done, 1 failed, 2 wrong use.
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <map>

#include "base/file.h"
#include "image/build.h"
#include "image/export.h"
#include "image/fetch.h"
#include "image/guest_files.h"
#include "image/import_steps.h"
#include "image/take_in.h"

namespace bridle::image {
namespace {

struct Arguments {
  std::map<std::string, std::string> options;
  std::vector<std::string> words;

  Result<std::string> need(const std::string& name) const {
    const auto found = options.find(name);
    if (found == options.end()) return Error(Code::invalid, name + " is missing");
    return found->second;
  }
  Result<Layout> layout() const {
    BRIDLE_TRY(const std::string root, need("--root"));
    return Layout::of(root);
  }
  Result<const Recipe*> recipe() const {
    BRIDLE_TRY(const std::string name, need("--recipe"));
    return find_recipe(name);
  }
  Result<Uuid> id() const {
    BRIDLE_TRY(const std::string text, need("--id"));
    return Uuid::parse(text);
  }
  Result<uint64_t> number(const std::string& name) const {
    BRIDLE_TRY(const std::string text, need(name));
    uint64_t value = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (wrong != std::errc() || end != text.data() + text.size())
      return Error(Code::invalid, name + ": expected a number");
    return value;
  }
  std::string word(const std::string& name) const {
    const auto found = options.find(name);
    return found == options.end() ? "" : found->second;
  }
  Result<Duration> seconds(const std::string& name, Duration otherwise) const {
    const auto found = options.find(name);
    if (found == options.end()) return otherwise;
    const std::string& text = found->second;
    uint32_t value = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (wrong != std::errc() || end != text.data() + text.size())
      return Error(Code::invalid, name + ": expected a number of seconds");
    return Duration(std::chrono::seconds(value));
  }
};

Result<Arguments> parse(int argc, char** argv) {
  Arguments out;
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    if (!word.starts_with("--")) {
      out.words.push_back(word);
    } else if (i + 1 == argc) {
      return Error(Code::invalid, word + ": its value is missing");
    } else {
      out.options[word] = argv[++i];
    }
  }
  return out;
}

void print(const std::string& line) {
  // A reader that went away must not end a build half way.
  (void)write_all(STDOUT_FILENO, line).ok();
}

void show(int percent, const std::string& what) { print(progress_line(percent, what)); }

Status run_fetch(const Arguments& a) {
  BRIDLE_TRY(const Layout layout, a.layout());
  BRIDLE_TRY(const Recipe* recipe, a.recipe());
  FetchOptions options;
  BRIDLE_TRY(options.max_age, a.seconds("--max-age", options.max_age));
  return fetch(layout, *recipe, options, show);
}

Status run_current(const Arguments& a) {
  BRIDLE_TRY(const Layout layout, a.layout());
  BRIDLE_TRY(const Recipe* recipe, a.recipe());
  return check_current(layout, *recipe, guest_files());
}

Status run_build(const Arguments& a) {
  BRIDLE_TRY(const Layout layout, a.layout());
  BRIDLE_TRY(const Recipe* recipe, a.recipe());
  BRIDLE_TRY(const Uuid id, a.id());
  const auto built = build(layout, *recipe, id, guest_files(), show);
  if (!built.ok()) return built.error();
  return {};
}

Status run_discard(const Arguments& a) {
  BRIDLE_TRY(const Layout layout, a.layout());
  BRIDLE_TRY(const Uuid id, a.id());
  return discard(layout, id);
}

Status run_store(const Arguments& a) {
  BRIDLE_TRY(const Layout layout, a.layout());
  BRIDLE_TRY(const Uuid id, a.id());
  const auto taken = take_in(layout, id, show);
  if (!taken.ok()) return taken.error();
  return {};
}

Status run_digest(const Arguments& a) {
  BRIDLE_TRY(const Layout layout, a.layout());
  for (const std::string& digest : a.words) BRIDLE_CHECK(check_part(layout, digest));
  return {};
}

Status run_collect(const Arguments& a) {
  BRIDLE_TRY(const Layout layout, a.layout());
  BRIDLE_TRY(const Duration grace, a.seconds("--grace", std::chrono::minutes(10)));
  BRIDLE_TRY(const auto removed, collect(layout, a.words, grace));
  show(100, "removed " + std::to_string(removed.size()) + " parts");
  return {};
}

// The descriptors that come with an import's helpers (import_plan.h).
constexpr int first_file = 21, second_file = 22, third_file = 23, fourth_file = 24;

Status run_receive(const Arguments& a) {
  ReceiveOptions options;
  BRIDLE_TRY(options.size, a.number("--size"));
  BRIDLE_TRY(options.digest, a.need("--digest"));
  return receive(first_file, second_file, options, show);
}

Status run_convert(const Arguments& a) {
  ConvertOptions options;
  BRIDLE_TRY(const uint64_t disk, a.number("--disk"));
  options.words = {a.word("--format"), static_cast<uint32_t>(disk), a.word("--name"),
                   a.word("--project"), a.word("--owner")};
  BRIDLE_TRY(const ConvertResult result, convert(first_file, second_file, options, show));
  print(result_line(encode(result)));
  return {};
}

Status run_adopt(const Arguments& a) {
  BRIDLE_TRY(const Layout layout, a.layout());
  BRIDLE_TRY(const AdoptResult result, adopt(layout, first_file, show));
  print(result_line(encode(result)));
  return {};
}

Status run_export(const Arguments& a) {
  const auto format = [&](const std::string& name) -> Result<DiskFormat> {
    const auto known = format_from_name(a.word(name));
    if (known) return *known;
    return Error(Code::invalid, name + ": expected qcow2, raw or vmdk");
  };
  ExportOptions options;
  BRIDLE_TRY(options.format, format("--format"));
  BRIDLE_TRY(options.to, format("--to"));
  if (!a.word("--backing").empty()) {
    BRIDLE_TRY(options.backing, format("--backing"));
  }
  return export_disk({first_file, second_file, third_file, options.backing ? fourth_file : -1},
                     options, show);
}

Status run_recipes(const Arguments&) {
  for (const Recipe& recipe : all_recipes()) print(recipe.name + "\t" + recipe.summary + "\n");
  return {};
}

struct Command {
  std::string_view name;
  Status (*run)(const Arguments&);
};
constexpr Command commands[] = {
    {"fetch", run_fetch},     {"current", run_current}, {"build", run_build},
    {"discard", run_discard}, {"store", run_store},     {"digest", run_digest},
    {"collect", run_collect}, {"recipes", run_recipes}, {"receive", run_receive},
    {"convert", run_convert}, {"adopt", run_adopt},     {"export", run_export}};

Status redirect(const Arguments& a) {
  const auto found = a.options.find("--output-fd");
  if (found == a.options.end()) return {};
  int fd = -1;
  const std::string& text = found->second;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), fd);
  if (wrong != std::errc() || end != text.data() + text.size() || fd < 0)
    return Error(Code::invalid, "--output-fd: expected a descriptor");
  if (::dup2(fd, STDOUT_FILENO) < 0 || ::dup2(fd, STDERR_FILENO) < 0)
    return errno_error("--output-fd");
  if (fd > 2) ::close(fd);
  return {};
}

int run(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  for (const Command& command : commands) {
    if (command.name != name) continue;
    const auto arguments = parse(argc, argv);
    Status status;
    if (!arguments.ok())
      status = arguments.error();
    else if (status = redirect(*arguments); status.ok())
      status = command.run(*arguments);
    if (status.ok()) return 0;
    print(error_line(status.error()));
    return status.error().code() == Code::invalid ? 2 : 1;
  }
  print(
      "usage: bridle-image-helper "
      "fetch|current|build|discard|store|digest|collect|receive|convert|adopt|export|recipes "
      "...\n");
  return 2;
}

}  // namespace
}  // namespace bridle::image

int main(int argc, char** argv) {
  ::umask(022);
  ::signal(SIGPIPE, SIG_IGN);
  return bridle::image::run(argc, argv);
}
