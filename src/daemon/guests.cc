#include "daemon/guests.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "base/file.h"
#include "base/log.h"
#include "daemon/tpm_key.h"
#include "machine/balloon.h"

namespace bridle::daemon {
namespace {

namespace qmp = machine::qmp;

jail::Limits jail_limits(const fleet::Limits& limits) {
  return {
      limits.cpu_shares, limits.cpu_quota, limits.memory_limit, limits.memory_reservation, 0, 0};
}

model::Usage model_usage(const jail::Usage& usage) {
  return {usage.vcpu_ns,      usage.emulator_ns, usage.bridle_ns,
          usage.memory_bytes, usage.read_bytes,  usage.write_bytes};
}

fleet::JailGuest jail_guest(const jail::Answer& answer) {
  fleet::JailGuest guest;
  guest.uuid = answer.machine.uuid;
  guest.generation = answer.machine.generation;
  guest.boot = answer.boot;
  guest.slot = answer.slot;
  guest.pid = answer.pid;
  guest.running = answer.state == jail::GuestState::running;
  guest.exit_status = answer.exit_status;
  guest.last_words = answer.last_words;
  guest.tpm_lost = answer.tpm_lost;
  return guest;
}

// What of QEMU's news the controller wants to hear.
std::optional<fleet::MonitorNews> news_of(const qmp::Event& event) {
  using fleet::MonitorNews;
  if (const auto* off = std::get_if<qmp::Shutdown>(&event))
    return off->guest ? MonitorNews::guest_off : MonitorNews::host_off;
  if (std::holds_alternative<qmp::PowerDown>(event)) return MonitorNews::powerdown;
  if (std::holds_alternative<qmp::Reset>(event)) return MonitorNews::reset;
  if (std::holds_alternative<qmp::Stop>(event)) return MonitorNews::stopped;
  if (std::holds_alternative<qmp::Resume>(event)) return MonitorNews::resumed;
  if (std::holds_alternative<qmp::GuestPanicked>(event)) return MonitorNews::panicked;
  if (const auto* error = std::get_if<qmp::BlockError>(&event); error && error->action == "stop")
    return MonitorNews::disk_failed;
  return std::nullopt;
}

constexpr std::array<std::pair<fleet::MonitorVerb, const char*>, 4> commands{{
    {fleet::MonitorVerb::powerdown, "system_powerdown"},
    {fleet::MonitorVerb::stop, "stop"},
    {fleet::MonitorVerb::cont, "cont"},
    {fleet::MonitorVerb::reset, "system_reset"},
}};

// More than any machine has: QEMU takes it for all.
constexpr uint64_t whole_memory = uint64_t{1} << 60;

}  // namespace

Guests::Guests(Loop& loop, Clock& clock, Random& random, const Layout& layout, Runner& runner,
               JailLink& jail)
    : loop_(loop), clock_(clock), random_(random), layout_(layout), runner_(runner), jail_(jail) {
  register_hands();
}

void Guests::register_hands() {
  runner_.handle<fleet::ListGuests>([this](auto& a) { list(a); });
  runner_.handle<fleet::StartGuest>([this](auto& a) { start(a); });
  runner_.handle<fleet::SignalGuest>([this](auto& a) { signal(a); });
  runner_.handle<fleet::SetLimits>([this](auto& a) { set_limits(a); });
  runner_.handle<fleet::SetTuning>([this](auto& a) { tune(a); });
  runner_.handle<fleet::ResizeDisk>([this](auto& a) { resize(a); });
  runner_.handle<fleet::ReleaseGuest>([this](auto& a) { release(a); });
  runner_.handle<fleet::SampleUsage>([this](auto& a) { sample(a); });
  runner_.handle<fleet::AttachMonitor>([this](auto& a) { attach(a); });
  runner_.handle<fleet::Monitor>([this](auto& a) { command(a); });
}

Guests::Guest& Guests::guest(const Uuid& uuid, uint64_t boot) {
  Guest& found = guests_[uuid];
  if (found.boot != boot) {
    loop_.post([old = std::move(found.link)] {});
    found = Guest{};
    found.boot = boot;
  }
  return found;
}

void Guests::drop(const Uuid& uuid) {
  const auto found = guests_.find(uuid);
  if (found == guests_.end()) return;
  loop_.post([old = std::move(found->second.link)] {});
  guests_.erase(found);
}

void Guests::keep(const Uuid& uuid, uint64_t boot, Prepared prepared) {
  guest(uuid, boot).prepared = std::move(prepared);
}

void Guests::forget_prepared(const Uuid& uuid, uint64_t boot) {
  const auto found = guests_.find(uuid);
  if (found != guests_.end() && found->second.boot == boot) found->second.prepared = Prepared{};
}

void Guests::list(fleet::ListGuests& action) {
  jail_.list([this, token = action.token](Result<std::vector<jail::Answer>> answers) {
    if (!answers.ok()) return;  // JailDown answers
    fleet::JailGuests guests{token, {}};
    for (const auto& answer : *answers)
      if (!hidden_(answer.machine.uuid)) guests.guests.push_back(jail_guest(answer));
    runner_.tell(std::move(guests));
  });
}

namespace {

// Of what QEMU may write: its disks, and small files. 0: no bound is known.
uint64_t bound_of(const fleet::Launch& launch, const std::vector<Fd>& files) {
  constexpr uint64_t smallest = 16 << 20;
  uint64_t bound = smallest;
  for (const fleet::DiskSource& source : launch.disks) {
    if (source.disk.read_only) continue;
    if (source.volume.size == 0) return 0;
    bound = std::max(bound, largest_file(source.volume.path, source.volume.size));
  }
  for (const Fd& file : files) {
    struct stat now {};
    if ((::fcntl(file.get(), F_GETFL) & O_ACCMODE) == O_RDONLY) continue;
    if (::fstat(file.get(), &now) == 0) bound = std::max(bound, static_cast<uint64_t>(now.st_size));
  }
  return bound;
}

}  // namespace

// Prepared files are the ones that were checked; others are opened now.
Result<Fd> Guests::open_need(const machine::FileNeed& need, const Uuid& uuid, Guest& entry) {
  if (need.use == jail::FileUse::tpm_key) return tpm_key(layout_, uuid);
  const auto prepared = entry.prepared.files.find(need.path);
  if (prepared != entry.prepared.files.end()) return prepared->second.duplicate();
  return open_file(need.path, need.writable ? O_RDWR : O_RDONLY).context(need.what);
}

Result<jail::Request> Guests::start_request(const fleet::StartGuest& action,
                                            std::vector<Fd>& files) {
  const fleet::Launch& wanted = action.launch;
  BRIDLE_TRY(const machine::LaunchPlan plan, launch_plan(layout_, wanted));
  BRIDLE_TRY(const machine::Launch launch, machine::launch(plan));
  Guest& entry = guest(wanted.id.uuid, wanted.boot);

  BRIDLE_TRY(Fd arguments, sealed_memfd("qemu-arguments", machine::argument_bytes(launch)));
  files.push_back(std::move(arguments));
  jail::StartOrder order;
  for (const machine::FileNeed& need : launch.files) {
    order.files.push_back(need.use);
    BRIDLE_TRY(Fd file, open_need(need, wanted.id.uuid, entry));
    files.push_back(std::move(file));
  }
  order.machine = wanted.id;
  order.boot = wanted.boot;
  order.slot = wanted.slot;
  order.interfaces = launch.interface_count;
  order.use_kvm = plan.engine == machine::Engine::kvm;
  order.file_size = bound_of(wanted, files);
  order.limits = jail_limits(action.limits);
  return jail::make_start(0, order);
}

void Guests::start(fleet::StartGuest& action) {
  const Uuid uuid = action.launch.id.uuid;
  const uint64_t boot = action.launch.boot;
  const auto failed = [this, uuid, boot](Error error) {
    drop(uuid);
    runner_.tell(fleet::GuestStartFailed{uuid, boot, std::move(error)});
  };
  std::vector<Fd> files;
  auto request = start_request(action, files);
  if (!request.ok()) return failed(std::move(request).error());
  std::vector<int> descriptors;
  for (const Fd& file : files) descriptors.push_back(file.get());
  jail_.ask(*request, descriptors, [this, uuid, boot, failed](Result<jail::Answer> reply) {
    if (!reply.ok() && reply.error().code() == Code::unreachable) return;  // JailDown answers
    if (!reply.ok()) return failed(std::move(reply).error());
    guest(uuid, boot).prepared = Prepared{};
    runner_.tell(fleet::GuestStarted{uuid, boot, reply->pid});
  });
}

void Guests::signal(fleet::SignalGuest& action) {
  jail_.ask(jail::make_signal(0, action.uuid, SIGKILL, action.boot), {},
            [](Result<jail::Answer>) {});
}

void Guests::set_limits(fleet::SetLimits& action) {
  jail_.ask(jail::make_limits(0, action.uuid, jail_limits(action.limits)), {},
            [uuid = action.uuid](Result<jail::Answer> reply) {
              if (!reply.ok())
                log::warning("limits not set",
                             {{"machine", uuid.text()}, {"why", reply.error().message()}});
            });
}

GuestLink* Guests::monitor_of(const Uuid& uuid, uint64_t boot) {
  const auto found = guests_.find(uuid);
  const bool there =
      found != guests_.end() && found->second.boot == boot && found->second.link != nullptr;
  return there ? found->second.link.get() : nullptr;
}

void Guests::tune(fleet::SetTuning& action) {
  GuestLink* link = monitor_of(action.uuid, action.boot);
  if (link == nullptr) return;  // MonitorDown was told, or will be
  const auto done = [uuid = action.uuid](Result<boost::json::value> reply) {
    if (!reply.ok())
      log::warning("QEMU refuses a setting",
                   {{"machine", uuid.text()}, {"why", reply.error().message()}});
  };
  const uint64_t memory =
      action.tuning.memory_target != 0 ? action.tuning.memory_target : whole_memory;
  link->command("balloon", {{"value", memory}}, done);
  if (!action.disks) return;
  link->command("qom-set",
                {{"path", machine::disk_limits_path},
                 {"property", "limits"},
                 {"value", machine::throttle_limits(action.tuning.disk)}},
                done);
}

void Guests::resize(fleet::ResizeDisk& action) {
  const auto reply = [this, token = action.token](Result<boost::json::value> result) {
    fleet::VolumeResized answer{token, {}};
    if (!result.ok()) answer.result = std::move(result).error();
    runner_.tell(std::move(answer));
  };
  // qcow2's bound: which format it is does not matter to what a larger file may be.
  const uint64_t bound = largest_file({}, action.size);
  const auto grow = [this, action, reply](Result<jail::Answer> grown) {
    if (!grown.ok()) return reply(std::move(grown).error());
    GuestLink* monitor = monitor_of(action.machine, action.boot);
    if (monitor == nullptr)
      return reply(Error(Code::unreachable, "QEMU's monitor is not connected"));
    monitor->command("block_resize",
                     {{"node-name", machine::disk_node(action.index)}, {"size", action.size}},
                     reply);
  };
  jail_.ask(jail::make_grow(0, action.machine, action.boot, bound), {}, grow);
}

void Guests::release(fleet::ReleaseGuest& action) {
  const Uuid uuid = action.uuid;
  const uint64_t boot = action.boot;
  drop(uuid);
  jail_.ask(jail::make_request(jail::Verb::release, 0, uuid, boot), {},
            [this, uuid, boot](Result<jail::Answer> reply) {
              Status status;
              if (!reply.ok() && reply.error().code() == Code::unreachable) return;
              if (!reply.ok() && reply.error().code() != Code::not_found)
                status = std::move(reply).error();
              runner_.tell(fleet::GuestReleased{uuid, boot, std::move(status)});
            });
}

void Guests::sample(fleet::SampleUsage& action) {
  jail_.ask(jail::make_request(jail::Verb::usage, 0, action.uuid), {},
            [this, action](Result<jail::Answer> reply) {
              fleet::UsageSample sample{action.token, action.uuid, action.boot, model::Usage{}};
              if (reply.ok()) {
                sample.usage = model_usage(reply->usage);
              } else if (reply.error().code() == Code::unreachable) {
                return;
              } else {
                sample.usage = std::move(reply).error();
              }
              tell_usage(std::move(sample));
            });
}

// What the guest's balloon driver says is added where its monitor answers.
void Guests::tell_usage(fleet::UsageSample sample) {
  GuestLink* link = monitor_of(sample.uuid, sample.boot);
  if (link == nullptr || !link->monitor_attached() || !sample.usage.ok())
    return runner_.tell(std::move(sample));
  const auto shared = std::make_shared<fleet::UsageSample>(std::move(sample));
  link->command("query-balloon", {}, [shared](Result<boost::json::value> reply) {
    if (reply.ok()) shared->usage->balloon_bytes = machine::balloon_actual(*reply);
  });
  link->command("qom-get", {{"path", machine::balloon_path}, {"property", "guest-stats"}},
                [this, shared](Result<boost::json::value> reply) {
                  const auto stats =
                      reply.ok() ? machine::guest_memory(*reply) : machine::GuestMemory{};
                  shared->usage->guest_total = stats.total;
                  shared->usage->guest_free = stats.free;
                  shared->usage->guest_available = stats.available;
                  runner_.tell(std::move(*shared));
                });
}

GuestLink::Callbacks Guests::callbacks(const Uuid& uuid, uint64_t boot) {
  GuestLink::Callbacks callbacks;
  callbacks.monitor_up = [this, uuid, boot](qmp::RunState state, const std::string& version) {
    jail_.ask(jail::make_request(jail::Verb::place, 0, uuid), {}, [](Result<jail::Answer>) {});
    runner_.tell(fleet::MonitorUp{uuid, boot, state != qmp::RunState::running, version});
  };
  callbacks.monitor_event = [this, uuid, boot](const qmp::Event& event) {
    if (const auto news = news_of(event)) runner_.tell(fleet::MonitorEvent{uuid, boot, *news});
  };
  callbacks.monitor_down = [this, uuid, boot](const std::string& why) {
    log::info("monitor closed", {{"machine", uuid.text()}, {"why", why}});
    runner_.tell(fleet::MonitorDown{uuid, boot});
  };
  callbacks.agent_ready = [this, uuid, boot](const std::string&) {
    runner_.tell(fleet::AgentReady{uuid, boot});
  };
  return callbacks;
}

void Guests::attach(fleet::AttachMonitor& action) {
  Guest& entry = guest(action.uuid, action.boot);
  if (!entry.link)
    entry.link = std::make_shared<GuestLink>(loop_, clock_, random_, layout_.guest(action.uuid),
                                             callbacks(action.uuid, action.boot));
  if (entry.link->monitor_attached()) return;
  machine::MonitorOptions options;
  options.fresh = action.fresh;
  options.hold = action.hold;
  for (const auto& interface : action.interfaces)
    options.links.push_back(machine::interface_id(interface));
  entry.link->attach_monitor(std::move(options));
}

void Guests::command(fleet::Monitor& action) {
  const auto reply = [this, token = action.token](Result<boost::json::value> result) {
    fleet::MonitorReply answer{token, {}};
    if (!result.ok()) answer.result = std::move(result).error();
    runner_.tell(std::move(answer));
  };
  GuestLink* link = monitor_of(action.uuid, action.boot);
  if (link == nullptr) return reply(Error(Code::unreachable, "QEMU's monitor is not connected"));
  const auto* name = std::find_if(commands.begin(), commands.end(),
                                  [&](const auto& c) { return c.first == action.verb; });
  link->command(name->second, {}, reply);
}

void Guests::forget(const Uuid& uuid) {
  jail_.ask(jail::make_request(jail::Verb::forget, 0, uuid), {},
            [uuid](Result<jail::Answer> reply) {
              if (!reply.ok())
                log::warning("a TPM's state was left behind",
                             {{"machine", uuid.text()}, {"why", reply.error().message()}});
            });
}

void Guests::exited(const jail::Answer& answer) {
  runner_.tell(
      fleet::GuestExited{answer.machine.uuid, answer.boot, answer.exit_status, answer.last_words});
}

void Guests::ask_agent(const Uuid& uuid, machine::AgentRequest request, GuestLink::AgentDone done) {
  const auto found = guests_.find(uuid);
  if (found == guests_.end() || !found->second.link)
    return done(Error(Code::unreachable, "the machine does not run"));
  found->second.link->ask_agent(std::move(request), std::move(done));
}

}  // namespace bridle::daemon
