#include "image/import_plan.h"

#include <sys/wait.h>

#include "base/units.h"

namespace bridle::image {
namespace {

struct Share {
  int begin, end;  // percent of the whole import
};

}  // namespace

ImportPlan::ImportPlan(const Layout& layout, std::string name, std::string project,
                       std::string owner, model::ImageSource source)
    : root_(layout.root()),
      name_(std::move(name)),
      project_(std::move(project)),
      owner_(std::move(owner)),
      source_(std::move(source)) {}

ImportActions ImportPlan::start() { return wait(""); }

ImportActions ImportPlan::wait(const std::string& why) {
  state_ = State::waiting;
  return {ShowImport{0, "waiting for the file of " + format_bytes(source_.size) +
                            (why.empty() ? "" : "; " + why)},
          AwaitUpload{}};
}

ImportActions ImportPlan::upload_opened() {
  if (state_ != State::waiting) return {};
  state_ = State::receiving;
  said_.reset();
  return {RunImportHelper{
      jail::HelperKind::convert,
      {"receive", "--size", std::to_string(source_.size), "--digest", source_.digest},
      {ImportFile::connection, ImportFile::upload}}};
}

ImportActions ImportPlan::waited_too_long() {
  if (state_ != State::waiting) return {};
  return fail(Error(Code::exhausted,
                    "nobody sent the file for 15 minutes; import it again: what "
                    "has come so far is kept for a day"));
}

ImportActions ImportPlan::convert() {
  state_ = State::converting;
  said_.reset();
  result_.clear();
  std::vector<std::string> argv{
      "convert", "--disk", std::to_string(source_.disk), "--name", name_, "--project", project_};
  if (!owner_.empty()) argv.insert(argv.end(), {"--owner", owner_});
  if (!source_.format.empty()) argv.insert(argv.end(), {"--format", source_.format});
  return {RunImportHelper{jail::HelperKind::convert,
                          std::move(argv),
                          {ImportFile::upload_only_read, ImportFile::disk}}};
}

ImportActions ImportPlan::adopt() {
  if (const Status read = read_facts(); !read.ok()) return fail(read.error());
  state_ = State::adopting;
  result_.clear();
  return {RunImportHelper{
      jail::HelperKind::store, {"adopt", "--root", root_}, {ImportFile::disk_only_read}}};
}

ImportActions ImportPlan::succeed() {
  if (const Status read = read_part(); !read.ok()) return fail(read.error());
  state_ = State::done;
  status_.phase = "ready";
  status_.disk_format = "qcow2";
  return {EndImport{std::nullopt, std::move(status_)}};
}

ImportActions ImportPlan::fail(Error error) {
  state_ = State::done;
  return {EndImport{std::move(error).context("importing " + name_), {}}};
}

ImportActions ImportPlan::helper_line(std::string_view line) {
  auto parsed = parse_helper_line(line);
  if (!parsed) return {};
  if (parsed->error) {
    said_ = std::move(parsed->error);
    return {};
  }
  if (parsed->result) {
    result_ = std::move(parsed->text);
    return {};
  }
  Share share{0, 50};
  if (state_ == State::converting) share = {50, 95};
  if (state_ == State::adopting) share = {95, 99};
  return {
      ShowImport{share.begin + (share.end - share.begin) * *parsed->percent / 100, parsed->text}};
}

ImportActions ImportPlan::helper_exited(int wait_status) {
  if (state_ == State::idle || state_ == State::waiting || state_ == State::done) return {};
  if (cancelled_) return fail(Error(Code::gone, "the import was cancelled"));
  const bool success = WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0;
  if (success && state_ == State::receiving) return convert();
  if (success && state_ == State::converting) return adopt();
  if (success) return succeed();
  // The caller's connection ended; what has come is kept, and another connection goes on.
  if (state_ == State::receiving && said_ && said_->code() == Code::unreachable)
    return wait(said_->message());
  if (said_) return fail(*std::exchange(said_, {}));
  if (state_ == State::converting && !never_started(wait_status))
    return fail(Error(Code::internal, "the file made its converter end with " +
                                          ended_how(wait_status) +
                                          ": it is damaged or was made to do so; export it again"));
  return fail(ended_without_reason(wait_status));
}

ImportActions ImportPlan::cancel() {
  cancelled_ = true;
  if (state_ != State::waiting) return {};
  return fail(Error(Code::gone, "the import was cancelled"));
}

Status ImportPlan::read_facts() {
  BRIDLE_TRY(ConvertResult facts, decode_convert_result(result_));
  status_.source_format = std::move(facts.format);
  status_.notes = std::move(facts.notes);
  status_.disks = facts.disks;
  status_.machine = std::move(facts.machine);
  return {};
}

Status ImportPlan::read_part() {
  BRIDLE_TRY(AdoptResult adopted, decode_adopt_result(result_));
  status_.disk = std::move(adopted.disk);
  status_.disk_virtual_size = adopted.virtual_size;
  return {};
}

}  // namespace bridle::image
