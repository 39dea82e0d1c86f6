// bridle apply, diff, edit.
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/manifest.h"
#include "cli/output.h"
#include "model/diff.h"
#include "model/yaml.h"

namespace bridle::cli {
namespace {

// What a user decides of an object: what apply compares and diff shows.
json::value decided(const json::value& object) {
  if (object.is_null()) return nullptr;
  json::object metadata;
  for (const char* key : {"owner", "labels"})
    if (const json::value& value = at(object, "metadata." + std::string(key)); !value.is_null())
      metadata[key] = value;
  json::object out;
  if (!metadata.empty()) out["metadata"] = std::move(metadata);
  out["spec"] = at(object, "spec");
  // Of a Secret the spec never shows; the names of its keys do.
  if (text_at(object, "kind") == "Secret") out["keys"] = at(object, "status.data");
  return out;
}

struct Applied {
  json::value before, after;  // before: null when it did not exist
};

Result<Applied> put_one(Context& context, const Manifest& manifest, bool dry_run) {
  const auto& kind = model::info(manifest.object.kind);
  const auto& metadata = manifest.object.metadata;
  Applied applied;
  auto before = context.api().object(kind, metadata.project, metadata.name);
  if (!before.ok() && before.error().code() != Code::not_found) return std::move(before).error();
  if (before.ok()) applied.before = *before;
  BRIDLE_TRY(applied.after, context.api().put(manifest.value, dry_run));
  return applied;
}

std::string verdict_of(const Applied& applied, bool dry_run) {
  if (applied.before.is_null()) return dry_run ? "created (dry run)" : "created";
  const bool same = dry_run ? decided(applied.before) == decided(applied.after)
                            : number_at(applied.before, "metadata.generation") ==
                                      number_at(applied.after, "metadata.generation") &&
                                  decided(applied.before) == decided(applied.after);
  if (same) return dry_run ? "unchanged (dry run)" : "unchanged";
  return dry_run ? "configured (dry run)" : "configured";
}

// "machine/lab/web": always with the project, for files may name several.
std::string ref_of(const Manifest& manifest) { return model::ref(manifest.object); }

void say_failed(Context& context, const Manifest& manifest, const Error& error) {
  context.err() << context.err_style().paint(Tone::bad, "bridle:") << " "
                << printable(manifest.where) << ": " << ref_of(manifest) << ": "
                << printable(error.message()) << "\n";
}

Result<int> run_apply(Context& context, const Args& args) {
  if (!args.has("filename")) return wrong_use(context, "apply: -f FILE is missing");
  BRIDLE_TRY(const auto manifests, load_manifests(args.all("filename"), context.globals().project));
  int code = Exit::done;
  for (const auto& manifest : manifests) {
    const auto applied = put_one(context, manifest, args.has("dry-run"));
    if (!applied.ok()) {
      say_failed(context, manifest, applied.error());
      if (code == Exit::done) code = exit_code(applied.error().code());
      // Without a daemon or the right to speak to it, the next one fails in the same way.
      if (applied.error().code() == Code::unreachable) return code;
      continue;
    }
    if (context.globals().format == Format::table)
      context.out() << ref_of(manifest) << " " << verdict_of(*applied, args.has("dry-run")) << "\n";
    else
      print_outcome(context, applied->after, "");
    context.out().flush();
  }
  return code;
}

Result<int> run_diff(Context& context, const Args& args) {
  if (!args.has("filename")) return wrong_use(context, "diff: -f FILE is missing");
  BRIDLE_TRY(const auto manifests, load_manifests(args.all("filename"), context.globals().project));
  bool differs = false;
  for (const auto& manifest : manifests) {
    auto applied = put_one(context, manifest, true);
    if (!applied.ok()) return std::move(applied).error().context(ref_of(manifest));
    const json::value before = decided(applied->before), after = decided(applied->after);
    if (manifest.object.kind == model::Kind::secret)
      context.err() << ref_of(manifest) << ": the values of secrets are not compared\n";
    if (before == after) continue;
    differs = true;
    context.out() << context.style().paint(Tone::strong, ref_of(manifest))
                  << (before.is_null() ? " does not exist yet\n" : "\n");
    context.out() << model::render(
        model::diff(before.is_null() ? json::value(json::object()) : before, after),
        context.style().on());
  }
  if (!differs) context.err() << "no difference\n";
  return differs ? Exit::failed : Exit::done;
}

Status run_editor(const std::string& file) {
  const char* editor = ::getenv("VISUAL");
  if (editor == nullptr || *editor == 0) editor = ::getenv("EDITOR");
  if (editor == nullptr || *editor == 0) editor = "vi";
  const pid_t pid = ::fork();
  if (pid < 0) return errno_error("starting the editor");
  if (pid == 0) {
    // The shell splits "code --wait"; the file is an argument of its own, never parsed.
    const std::string script = std::string(editor) + " \"$1\"";
    ::execl("/bin/sh", "sh", "-c", script.c_str(), "sh", file.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error(Code::internal,
               "the editor (" + std::string(editor) + ") failed; nothing was changed");
}

Result<int> run_edit(Context& context, const Args& args) {
  BRIDLE_TRY(const auto* kind, kind_named(args.one("KIND")));
  BRIDLE_TRY(json::value object,
             context.api().object(*kind, context.globals().project, args.one("NAME")));
  if (auto* fields = object.if_object()) fields->erase("status");
  const std::string before = model::to_yaml(object);
  char path[] = "/tmp/bridle-edit-XXXXXX.yaml";
  const Fd file(::mkstemps(path, 5));
  if (!file) return errno_error("making a file to edit");
  BRIDLE_CHECK(write_all(file.get(), before));
  BRIDLE_CHECK(run_editor(path));
  BRIDLE_TRY(const std::string after, read_file(path));
  if (after == before) {
    BRIDLE_CHECK(remove_file(path));
    context.err() << "nothing was changed\n";
    return Exit::done;
  }
  const std::string kept = "\nyour text is kept in " + std::string(path);
  const auto fail = [&](const Error& error) { return Error(error.code(), error.message() + kept); };
  const auto manifests = read_manifests(after, path, context.globals().project);
  if (!manifests.ok()) return fail(manifests.error());
  for (const auto& manifest : *manifests) {
    const auto applied = put_one(context, manifest, false);
    if (!applied.ok()) return fail(applied.error());
    print_outcome(context, applied->after, verdict_of(*applied, false));
  }
  BRIDLE_CHECK(remove_file(path));
  return Exit::done;
}

}  // namespace

void add_apply_commands(CommandTable& table) {
  const Flag file{"--filename,-f", "FILE", "a file, a folder, or - (stdin)", true};
  table.commands.push_back(
      {{"apply"},
       "Make objects what a file says: create or change them",
       "A file holds one or more objects, as YAML documents or as JSON. Applying twice changes "
       "nothing. "
       "All faults are told at once, each with its line, what was expected and what was meant.",
       {},
       {file, {"--dry-run", "", "let bridled check it and tell what would happen; change nothing"}},
       {{"bridle apply -f lab.yaml", "one file"},
        {"bridle apply -f lab/ --dry-run", "all of a folder, only checked"}},
       run_apply});
  table.commands.push_back({{"diff"},
                            "Show what `apply` would change; exits with 1 when anything differs",
                            "",
                            {},
                            {file},
                            {{"bridle diff -f lab.yaml", "before applying it"}},
                            run_diff});
  table.commands.push_back(
      {{"edit"},
       "Change an object in $EDITOR",
       "Refused when somebody else changed it meanwhile; your text is then kept.",
       {{"KIND", "machine, image, volume, ...", 1, 1, Complete::kind},
        {"NAME", "the object", 1, 1, Complete::object}},
       {},
       {{"bridle edit machine web", "and apply it when the editor ends"}},
       run_edit});
}

}  // namespace bridle::cli
