#include "daemon/helper_runs.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "base/log.h"

namespace bridle::daemon {
namespace {

struct Pipe {
  Fd read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("pipe");
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0) return errno_error("pipe");
  return pipe;
}

// What a helper that was never started, or was killed with the jail, "ended" with.
constexpr int never_ran = 127 << 8;

}  // namespace

Uuid HelperRuns::run(jail::HelperKind kind, const std::vector<std::string>& argv,
                     const std::vector<int>& files, OnLine line, OnExit exit) {
  const Uuid uuid = Uuid::random(random_);
  Helper& helper = helpers_[uuid];
  helper.line = std::move(line);
  helper.exit = std::move(exit);
  if (const Status begun = start(uuid, kind, argv, files); !begun.ok())
    loop_.post([this, uuid, error = begun.error()] { refused(uuid, error); });
  return uuid;
}

Status HelperRuns::start(const Uuid& uuid, jail::HelperKind kind,
                         const std::vector<std::string>& argv, const std::vector<int>& files) {
  BRIDLE_TRY(Pipe pipe, make_pipe());
  BRIDLE_TRY(const Fd arguments, jail::arguments_memfd(argv));
  const std::vector<jail::FileUse> uses(1 + files.size(), jail::FileUse::inherit);
  BRIDLE_TRY(const jail::Request request, jail::make_helper(0, {uuid, kind, uses}));
  std::vector<int> descriptors{arguments.get(), pipe.write.get()};
  descriptors.insert(descriptors.end(), files.begin(), files.end());
  Helper& helper = helpers_.at(uuid);
  helper.output = std::move(pipe.read);
  helper.readable = loop_.on_readable(helper.output.get(), [this, uuid] { read_output(uuid); });
  jail_.ask(request, descriptors, [this, uuid](Result<jail::Answer> answer) {
    if (!answer.ok()) refused(uuid, answer.error());
  });
  return {};
}

void HelperRuns::refused(const Uuid& uuid, const Error& error) {
  auto node = helpers_.extract(uuid);
  if (node.empty()) return;
  log::error("an image helper was not started", {{"why", error.message()}});
  node.mapped().line("error " + std::string(code_name(error.code())) + " " + error.message());
  node.mapped().exit(never_ran);
}

void HelperRuns::kill(const Uuid& uuid) {
  if (runs(uuid)) jail_.ask(jail::make_signal(0, uuid, SIGKILL), {}, [](Result<jail::Answer>) {});
}

bool HelperRuns::read_output(const Uuid& uuid) {
  const auto found = helpers_.find(uuid);
  if (found == helpers_.end()) return false;
  std::array<char, 16384> chunk;
  const ssize_t n = ::read(found->second.output.get(), chunk.data(), chunk.size());
  if (n == 0) found->second.readable.reset();
  if (n <= 0) return n < 0 && errno == EINTR;
  // A helper that writes a line without end loses what it wrote, not its work.
  if (!found->second.lines.append({chunk.data(), static_cast<size_t>(n)}).ok())
    found->second.lines = wire::LineBuffer(longest_line);
  const OnLine line = found->second.line;
  while (helpers_.contains(uuid)) {
    const auto next = helpers_.at(uuid).lines.next();
    if (!next) return true;
    line(*next);
  }
  return false;
}

void HelperRuns::exited(const jail::Answer& answer) {
  const Uuid uuid = answer.machine.uuid;
  while (read_output(uuid)) {  // what it wrote last may still be in the pipe
  }
  auto node = helpers_.extract(uuid);
  if (!node.empty()) node.mapped().exit(answer.exit_status);
}

void HelperRuns::jail_down() {
  std::map<Uuid, Helper> helpers;
  helpers.swap(helpers_);
  for (const auto& [uuid, helper] : helpers) helper.exit(never_ran);
}

}  // namespace bridle::daemon
