#include "daemon/images.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "base/file.h"
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
constexpr size_t longest_line = 64 << 10;

}  // namespace

Images::Images(Loop& loop, Clock& clock, const Layout& layout, Random& random, Runner& runner,
               JailLink& jail)
    : loop_(loop), clock_(clock), layout_(layout), random_(random), runner_(runner), jail_(jail) {
  runner_.handle<fleet::BuildImage>([this](auto& a) { build(a); });
  runner_.handle<fleet::CancelBuild>([this](auto& a) { cancel(a); });
  runner_.handle<fleet::CollectParts>([this](auto& a) { collect(a); });
}

Uuid Images::run(jail::HelperKind kind, const std::vector<std::string>& argv, OnLine line,
                 OnExit exit) {
  const Uuid uuid = Uuid::random(random_);
  const auto start = [&]() -> Status {
    BRIDLE_TRY(Pipe pipe, make_pipe());
    BRIDLE_TRY(const Fd arguments, jail::arguments_memfd(argv));
    BRIDLE_TRY(const jail::Request request,
               jail::make_helper(0, {uuid, kind, {jail::FileUse::inherit}}));
    Helper& helper = helpers_[uuid];
    helper.output = std::move(pipe.read);
    helper.line = std::move(line);
    helper.exit = exit;
    helper.readable = loop_.on_readable(helper.output.get(), [this, uuid] { read_output(uuid); });
    jail_.ask(request, {arguments.get(), pipe.write.get()},
              [this, uuid](Result<jail::Answer> answer) {
                if (answer.ok()) return;
                auto node = helpers_.extract(uuid);
                if (node.empty()) return;
                const Error& error = answer.error();
                log::error("an image helper was not started", {{"why", error.message()}});
                node.mapped().line("error " + std::string(code_name(error.code())) + " " +
                                   error.message());
                node.mapped().exit(never_ran);
              });
    return {};
  };
  if (const Status begun = start(); !begun.ok()) {
    helpers_.erase(uuid);
    loop_.post([exit = std::move(exit)] { exit(never_ran); });
  }
  return uuid;
}

bool Images::read_output(const Uuid& uuid) {
  const auto found = helpers_.find(uuid);
  if (found == helpers_.end()) return false;
  std::array<char, 16384> chunk;
  const ssize_t n = ::read(found->second.output.get(), chunk.data(), chunk.size());
  if (n == 0) found->second.readable.reset();
  if (n <= 0) return n < 0 && errno == EINTR;
  // A helper that writes a line without end loses what it wrote, not its build.
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

void Images::exited(const jail::Answer& answer) {
  const Uuid uuid = answer.machine.uuid;
  while (read_output(uuid)) {  // what it wrote last may still be in the pipe
  }
  auto node = helpers_.extract(uuid);
  if (!node.empty()) node.mapped().exit(answer.exit_status);
}

void Images::jail_down() {
  std::map<fleet::Token, Build> builds;
  std::map<Uuid, Helper> helpers;
  builds.swap(builds_);
  helpers.swap(helpers_);
  for (const auto& [token, build] : builds)
    runner_.tell(fleet::BuildEnded{token, Error(Code::unreachable, "bridle-jail ended")});
  for (const auto& [uuid, helper] : helpers) helper.exit(never_ran);
}

void Images::build(fleet::BuildImage& action) {
  const fleet::Token token = action.token;
  Build& build = builds_[token];
  build.plan = std::make_unique<image::BuildPlan>(layout_, action.recipe, action.operation, false);
  carry_out(token, build.plan->start());
}

void Images::cancel(const fleet::CancelBuild& action) {
  const auto found = builds_.find(action.token);
  if (found == builds_.end()) return;
  found->second.plan->cancel();
  jail_.ask(jail::make_signal(0, found->second.helper, SIGKILL), {}, [](Result<jail::Answer>) {});
}

void Images::carry_out(fleet::Token token, image::BuildActions actions) {
  for (auto& action : actions) carry_out(token, action);
}

void Images::carry_out(fleet::Token token, image::BuildAction& action) {
  const auto found = builds_.find(token);
  if (found == builds_.end()) return;
  Build& build = found->second;
  if (auto* helper = std::get_if<image::RunHelper>(&action)) {
    const auto line = [this, token](const std::string& text) {
      if (const auto b = builds_.find(token); b != builds_.end())
        carry_out(token, b->second.plan->helper_line(text));
    };
    const auto exit = [this, token](int status) {
      if (const auto b = builds_.find(token); b != builds_.end())
        carry_out(token, b->second.plan->helper_exited(status));
    };
    build.helper = run(helper->kind, helper->argv, line, exit);
  } else if (auto* progress = std::get_if<image::ShowProgress>(&action)) {
    runner_.tell(fleet::BuildProgress{token, static_cast<unsigned>(progress->percent),
                                      std::move(progress->what)});
  } else if (auto* manifest = std::get_if<image::ReadManifest>(&action)) {
    carry_out(token, build.plan->manifest_read(read_file(manifest->path, image::longest_manifest)));
  } else {
    finish(token, std::get<image::Finish>(action));
  }
}

void Images::finish(fleet::Token token, image::Finish& end) {
  fleet::BuildEnded ended{token, model::ImageStatus{}};
  if (end.error) {
    ended.result = *std::move(end.error);
  } else {
    ended.result = image::ready_status(*end.manifest, clock_.wall());
  }
  // The plan is on the stack.
  const auto node =
      std::make_shared<std::map<fleet::Token, Build>::node_type>(builds_.extract(token));
  loop_.post([node] {});
  runner_.tell(std::move(ended));
}

void Images::collect(fleet::CollectParts& action) {
  const fleet::Token token = action.token;
  auto present = list_folder(layout_.parts());
  if (!present.ok()) return runner_.tell(fleet::PartsCollected{token, uint64_t{0}});
  std::vector<std::string> argv{"collect", "--root", layout_.root(), "--grace", "0"};
  const size_t words = argv.size();
  for (const std::string& digest : *present)
    if (image::is_digest(digest) && !action.keep.contains(digest)) argv.push_back(digest);
  const uint64_t count = argv.size() - words;
  if (count == 0) return runner_.tell(fleet::PartsCollected{token, uint64_t{0}});
  const auto exit = [this, token, count](int status) {
    fleet::PartsCollected answer{token, count};
    if (status != 0)
      answer.result = Error(Code::internal, "the store helper could not remove unused parts");
    runner_.tell(std::move(answer));
  };
  run(
      jail::HelperKind::store, argv, [](const std::string&) {}, exit);
}

}  // namespace bridle::daemon
