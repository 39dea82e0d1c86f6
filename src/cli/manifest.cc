#include "cli/manifest.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "model/schema.h"
#include "model/yaml.h"

namespace bridle::cli {
namespace {

constexpr size_t most_bytes = 4 << 20;
constexpr size_t most_messages = 20;

bool is_manifest(const std::string& name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

// Folders as the files in them; "-" stays.
Result<std::vector<std::string>> files_of(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const auto& path : paths) {
    struct stat st {};
    if (path == "-" || ::stat(path.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) {
      files.push_back(path);
      continue;
    }
    BRIDLE_TRY(const auto names, list_folder(path));
    const size_t before = files.size();
    for (const auto& name : names)
      if (is_manifest(name)) files.push_back(path + "/" + name);
    if (files.size() == before)
      return Error(Code::not_found, path + ": holds no *.yaml, *.yml or *.json");
  }
  return files;
}

std::string without_end(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// Faults of several files, each a line or more.
class Faults {
 public:
  void add(const std::string& text) {
    if (++count_ <= most_messages) text_ += (text_.empty() ? "" : "\n") + without_end(text);
  }
  bool empty() const { return count_ == 0; }
  Error error() const {
    const size_t omitted = count_ - std::min(count_, most_messages);
    return Error(Code::invalid,
                 omitted == 0 ? text_ : text_ + "\n... and " + std::to_string(omitted) + " more");
  }

 private:
  size_t count_ = 0;
  std::string text_;
};

void read_one(model::Document document, const std::string& project, std::vector<Manifest>& out,
              Faults& faults) {
  if (auto* object = document.value.if_object()) object->erase("status");
  const json::object* top = document.value.if_object();
  const json::value* kind = top == nullptr ? nullptr : top->if_contains("kind");
  const auto* known = kind == nullptr || !kind->is_string()
                          ? nullptr
                          : model::find_kind(std::string_view(kind->get_string()));
  if (known != nullptr && known->has_project)
    model::set_default(document.value, "project", project);
  model::Decoded decoded = model::decode(document.value);
  if (!decoded.violations.empty())
    return faults.add(model::report(decoded.violations, document.source));
  const auto position = document.source.locate("kind");
  out.push_back({document.source.file() + ":" + std::to_string(position.line),
                 std::move(document.value), std::move(decoded.object)});
}

void read_text(const std::string& text, const std::string& file, const std::string& project,
               std::vector<Manifest>& out, Faults& faults) {
  auto documents = model::parse_documents(text, file);
  if (!documents.ok()) return faults.add(documents.error().message());
  for (auto& document : *documents) read_one(std::move(document), project, out, faults);
}

}  // namespace

Result<std::vector<Manifest>> read_manifests(const std::string& text, const std::string& file,
                                             const std::string& project) {
  std::vector<Manifest> out;
  Faults faults;
  read_text(text, file, project, out, faults);
  if (!faults.empty()) return faults.error();
  return out;
}

Result<std::vector<Manifest>> load_manifests(const std::vector<std::string>& paths,
                                             const std::string& project) {
  BRIDLE_TRY(const auto files, files_of(paths));
  std::vector<Manifest> out;
  Faults faults;
  for (const auto& file : files) {
    const bool standard = file == "-";
    BRIDLE_TRY(const std::string text, standard
                                           ? read_all(STDIN_FILENO, most_bytes).context("stdin")
                                           : read_file(file, most_bytes));
    read_text(text, standard ? "stdin" : file, project, out, faults);
  }
  if (!faults.empty()) return faults.error();
  if (out.empty()) return Error(Code::invalid, "there is no object in " + paths.front());
  return out;
}

}  // namespace bridle::cli
