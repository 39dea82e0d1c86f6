#include "jail/helper.h"

#include <signal.h>
#include <sys/epoll.h>

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "jail/guest_start.h"
#include "jail/guests.h"
#include "jail/process.h"
#include "jail/validate.h"

namespace bridle::jail {

Helpers::Helpers(Loop& loop, const Layout& layout, Cgroups& cgroups, std::string program,
                 std::function<void(uint64_t, const Reply&)> announce)
    : loop_(loop),
      layout_(layout),
      cgroups_(cgroups),
      program_(std::move(program)),
      announce_(std::move(announce)) {}

Status Helpers::run(const Request& request, std::vector<Fd> descriptors, uint64_t owner,
                    Reply& reply) {
  const Uuid uuid = uuid_of(request);
  if (knows(uuid)) return Error(Code::conflict, "a helper " + uuid.text() + " runs already");
  HelperLaunch launch;
  launch.kind = request.helper;
  launch.program = program_;
  BRIDLE_TRY(launch.arguments, read_arguments(descriptors[0].get()));
  for (size_t i = 0; i < request.file_count; ++i) {
    launch.files.push_back(std::move(descriptors[i + 1]));
    launch.uses.push_back(request.files[i]);
  }
  BRIDLE_TRY(launch.groups, cgroups_.shared_entrances("helpers"));
  Helper& helper = helpers_[uuid];
  const auto pid = launch_helper(layout_, std::move(launch), helper.pidfd);
  if (!pid) {
    helpers_.erase(uuid);
    return pid.error();
  }
  helper.pid = *pid;
  helper.owner = owner;
  helper.generation = request.generation;
  reply.pid = static_cast<uint32_t>(*pid);
  reply.state = GuestState::running;
  std::memcpy(reply.uuid, request.uuid, sizeof reply.uuid);
  return loop_.watch(helper.pidfd.get(), EPOLLIN, [this, uuid](uint32_t) { ended(uuid); });
}

Status Helpers::signal(const Request& request, Reply& reply) {
  const Helper& helper = helpers_.at(uuid_of(request));
  reply.pid = static_cast<uint32_t>(helper.pid);
  // An init ignores what it has no handler for, so every wish to end a helper is SIGKILL.
  if (!signal_process(helper.pidfd.get(), SIGKILL))
    return Error(Code::gone, "this helper has ended");
  return {};
}

void Helpers::end_all_of(uint64_t owner) {
  for (auto& [uuid, helper] : helpers_)
    if (helper.owner == owner) signal_process(helper.pidfd.get(), SIGKILL);
}

bool Helpers::waits_for(pid_t pid) const {
  return std::any_of(helpers_.begin(), helpers_.end(),
                     [pid](const auto& entry) { return entry.second.pid == pid; });
}

void Helpers::ended(const Uuid& uuid) {
  Helper& helper = helpers_.at(uuid);
  const auto status = reap(helper.pidfd.get());
  Reply reply = blank_reply(Verb::exited, 0);
  std::memcpy(reply.uuid, uuid.bytes.data(), sizeof reply.uuid);
  reply.generation = helper.generation;
  reply.pid = static_cast<uint32_t>(helper.pid);
  reply.state = GuestState::exited;
  reply.exit_status = status.value_or(-1);
  const uint64_t owner = helper.owner;
  loop_.forget(helper.pidfd.get());
  helpers_.erase(uuid);
  announce_(owner, reply);
}

}  // namespace bridle::jail
