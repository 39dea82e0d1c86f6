#include "daemon/imports.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"

namespace bridle::daemon {
namespace {

constexpr int64_t kept_seconds = 24 * 3600;

}  // namespace

void Imports::begin(const fleet::BuildImage& action) {
  Import& import = imports_[action.token];
  import.plan = std::make_unique<image::ImportPlan>(parts_.layout, action.name, action.project,
                                                    action.owner, *action.source);
  import.project = action.project;
  import.name = action.name;
  for (const auto& [token, other] : imports_)
    if (token != action.token && upload_path(other) == upload_path(import)) {
      image::EndImport twice{Error(Code::conflict, "the same file is being imported as image \"" +
                                                       other.name + "\"; wait for its end"),
                             {}};
      return end(action.token, twice);
    }
  remove_old();
  carry_out(action.token, import.plan->start());
}

void Imports::cancel(fleet::Token token) {
  const auto found = imports_.find(token);
  if (found == imports_.end()) return;
  parts_.helpers.kill(found->second.helper);
  carry_out(token, found->second.plan->cancel());
}

void Imports::jail_down() {
  std::map<fleet::Token, Import> imports;
  imports.swap(imports_);
  for (const auto& [token, import] : imports)
    parts_.runner.tell(fleet::BuildEnded{token, Error(Code::unreachable, "bridle-jail ended")});
}

Result<Fd> Imports::open_upload(const std::string& project, const std::string& name) {
  for (auto& [token, import] : imports_) {
    if (import.project != project || import.name != name) continue;
    if (!import.plan->is_waiting())
      return Error(Code::conflict, "the file is being received or converted already");
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      return errno_error("socketpair");
    import.connection = Fd(ends[0]);
    Fd ours(ends[1]);
    if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) return errno_error("socketpair");
    import.timer.reset();
    carry_out(token, import.plan->upload_opened());
    return ours;
  }
  return Error(Code::conflict, "no import of image \"" + name +
                                   "\" waits for its file: begin with "
                                   "the image's action build, or with: bridle image import");
}

std::string Imports::upload_path(const Import& import) const {
  const std::string key = import.project + "\n" + import.plan->source().digest;
  return parts_.layout.uploads() + "/" + hex(sha256(key)).substr(0, 40);
}

// Readable for the helper's uid, whose only way to the file is the descriptor: the folder is
// closed.
Status Imports::open_disk(Import& import) {
  const std::string path =
      parts_.layout.uploads() + "/" + Uuid::random(parts_.random).text() + ".disk";
  BRIDLE_TRY(import.disk, open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600));
  Status removed = remove_file(path);
  if (::fchmod(import.disk.get(), 0666) != 0) return errno_error(path);
  return removed;
}

Result<Fd> Imports::open(Import& import, image::ImportFile file) {
  using image::ImportFile;
  switch (file) {
    case ImportFile::connection:
      return std::move(import.connection);
    case ImportFile::upload:
      BRIDLE_CHECK(make_folder(parts_.layout.uploads(), 0700));
      return open_file(upload_path(import), O_RDWR | O_CREAT, 0644);
    case ImportFile::upload_only_read:
      return open_file(upload_path(import), O_RDONLY);
    case ImportFile::disk: {
      BRIDLE_CHECK(open_disk(import));
      const Fd& disk = import.disk;
      return open_file("/proc/self/fd/" + std::to_string(disk.get()), O_RDWR);
    }
    case ImportFile::disk_only_read:
      break;
  }
  return open_file("/proc/self/fd/" + std::to_string(import.disk.get()), O_RDONLY);
}

void Imports::carry_out(fleet::Token token, image::ImportActions actions) {
  for (auto& action : actions) carry_out(token, action);
}

void Imports::carry_out(fleet::Token token, image::ImportAction& action) {
  if (!imports_.contains(token)) return;
  if (const auto* helper = std::get_if<image::RunImportHelper>(&action)) return run(token, *helper);
  if (auto* shown = std::get_if<image::ShowImport>(&action))
    return parts_.runner.tell(
        fleet::BuildProgress{token, static_cast<unsigned>(shown->percent), std::move(shown->what)});
  if (std::holds_alternative<image::AwaitUpload>(action)) return wait(token);
  end(token, std::get<image::EndImport>(action));
}

void Imports::wait(fleet::Token token) {
  imports_.at(token).timer = parts_.loop.after(image::ImportPlan::patience, [this, token] {
    if (const auto i = imports_.find(token); i != imports_.end())
      carry_out(token, i->second.plan->waited_too_long());
  });
}

void Imports::run(fleet::Token token, const image::RunImportHelper& action) {
  Import& import = imports_.at(token);
  std::vector<Fd> opened;
  std::vector<int> files;
  for (const image::ImportFile file : action.files) {
    auto fd = open(import, file);
    if (!fd.ok()) {
      image::EndImport failed{std::move(fd).error().context("opening the import's files"), {}};
      return end(token, failed);
    }
    files.push_back(fd->get());
    opened.push_back(std::move(*fd));
  }
  const auto line = [this, token](const std::string& text) {
    if (const auto i = imports_.find(token); i != imports_.end())
      carry_out(token, i->second.plan->helper_line(text));
  };
  const auto exit = [this, token](int status) {
    if (const auto i = imports_.find(token); i != imports_.end())
      carry_out(token, i->second.plan->helper_exited(status));
  };
  import.helper = parts_.helpers.run(action.kind, action.argv, files, line, exit);
}

void Imports::end(fleet::Token token, image::EndImport& end) {
  auto node = std::make_shared<std::map<fleet::Token, Import>::node_type>(imports_.extract(token));
  const Import& import = node->mapped();
  // Another disk of the same OVA is imported from the same upload.
  const bool more = !end.error && import.plan->source().disk + 1 < end.status.disks;
  const bool broken = end.error && end.error->code() != Code::conflict &&
                      end.error->code() != Code::exhausted && end.error->code() != Code::gone;
  if ((!end.error && !more) || broken)
    if (const Status removed = remove_file(upload_path(import)); !removed.ok())
      log::warning("an upload was not removed", {{"why", removed.error().message()}});
  parts_.loop.post([node] {});  // the plan is on the stack
  fleet::BuildEnded ended{token, model::ImageStatus{}};
  end.status.built = parts_.clock.wall();
  if (end.error)
    ended.result = *std::move(end.error);
  else
    ended.result = std::move(end.status);
  parts_.runner.tell(std::move(ended));
}

void Imports::remove_old() {
  const auto names = list_folder(parts_.layout.uploads());
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const std::string path = parts_.layout.uploads() + "/" + name;
    struct stat st {};
    if (::stat(path.c_str(), &st) != 0) continue;
    const int64_t age = parts_.clock.wall().ns / 1'000'000'000 - st.st_mtime;
    bool used = age < kept_seconds;
    for (const auto& [token, import] : imports_) used = used || upload_path(import) == path;
    if (!used && !remove_file(path).ok()) log::warning("an old upload was not removed", {});
  }
}

}  // namespace bridle::daemon
