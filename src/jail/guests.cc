#include "jail/guests.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/log.h"
#include "jail/process.h"
#include "jail/validate.h"
#include "wire/socket.h"

namespace bridle::jail {

using namespace std::chrono_literals;

Reply blank_reply(Verb verb, uint64_t id) {
  Reply reply{};
  reply.magic = magic;
  reply.version = version;
  reply.verb = verb;
  reply.id = id;
  return reply;
}

void set_error(Reply& reply, const Error& error) {
  reply.error = static_cast<int32_t>(error.code()) + 1;
  const size_t size = std::min(error.message().size(), sizeof reply.message - 1);
  std::memcpy(reply.message, error.message().data(), size);
  reply.message[size] = '\0';
}

Guests::Guests(Loop& loop, const Layout& layout, Cgroups& cgroups, Answer announce)
    : loop_(loop), layout_(layout), cgroups_(cgroups), announce_(std::move(announce)) {}

namespace {

// By a child with QEMU's uid: a root without CAP_SYS_RESOURCE may not change others' limits.
Status raise_file_bound(pid_t pid, uid_t uid, uint64_t bytes) {
  Fd pidfd;
  BRIDLE_TRY(const pid_t child, fork_into(0, pidfd));
  if (child == 0) {
    rlimit bound{};
    bool done = drop_privileges(uid).ok() && ::prlimit(pid, RLIMIT_FSIZE, nullptr, &bound) == 0;
    if (done && bound.rlim_cur < bytes) {
      bound.rlim_cur = bytes;
      done = ::prlimit(pid, RLIMIT_FSIZE, &bound, nullptr) == 0;
    }
    ::_exit(done ? 0 : errno);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error(Code::internal, "the bound of QEMU's files was not raised: " +
                                   std::string(std::strerror(WEXITSTATUS(status))));
}

}  // namespace

// ---- answers

void Guests::describe(const Guest& guest, Reply& reply) const {
  const Record& record = guest.record;
  std::memcpy(reply.uuid, record.uuid.bytes.data(), sizeof reply.uuid);
  reply.generation = record.generation;
  reply.boot = record.boot;
  reply.slot = record.slot;
  reply.pid = record.qemu.pid;
  reply.start_time = record.qemu.start_time;
  reply.state = guest.phase == Phase::exited ? GuestState::exited : GuestState::running;
  reply.tpm_lost = guest.tpm_lost ? 1 : 0;
  reply.exit_status = guest.phase == Phase::exited ? guest.exit.status : 0;
  if (guest.phase != Phase::exited) return;
  const size_t size = std::min(guest.exit.last_words.size(), sizeof reply.message - 1);
  std::memcpy(reply.message, guest.exit.last_words.data(), size);
}

std::vector<Reply> Guests::list(uint64_t id) const {
  std::vector<Reply> replies;
  for (const auto& [uuid, guest] : guests_) {
    if (guest.phase == Phase::starting) continue;  // its start is still to be answered
    Reply reply = blank_reply(Verb::list, id);
    describe(guest, reply);
    reply.index = static_cast<uint32_t>(replies.size());
    replies.push_back(reply);
  }
  for (Reply& reply : replies) reply.count = static_cast<uint32_t>(replies.size());
  if (replies.empty()) replies.push_back(blank_reply(Verb::list, id));
  return replies;
}

Result<Guests::Guest*> Guests::find(const Request& request) {
  const auto found = guests_.find(uuid_of(request));
  if (found == guests_.end())
    return Error(Code::not_found, "the jail knows no guest " + uuid_of(request).text());
  return &found->second;
}

// Another run of the same guest is another guest: what was meant for an earlier one does not touch
// it. Boot 0 means whichever there is.
bool Guests::is_meant(const Request& request, const Guest& guest) {
  return request.boot == 0 || request.boot == guest.record.boot;
}

Result<Guests::Guest*> Guests::find_running(const Request& request) {
  BRIDLE_TRY(Guest * guest, find(request));
  if (guest->phase == Phase::starting) return Error(Code::conflict, "this guest is being started");
  if (guest->phase != Phase::running) return Error(Code::gone, "this guest has ended");
  return guest;
}

Result<int> Guests::qemu_of(const Uuid& uuid, uint64_t boot) const {
  const auto found = guests_.find(uuid);
  if (found == guests_.end())
    return Error(Code::not_found, "the jail knows no guest " + uuid.text());
  const Guest& guest = found->second;
  if (guest.record.boot != boot || guest.phase != Phase::running || has_ended(guest.qemu.get()))
    return Error(Code::gone,
                 "boot " + std::to_string(boot) + " of guest " + uuid.text() + " does not run");
  return guest.qemu.get();
}

Status Guests::signal(const Request& request, Reply& reply) {
  BRIDLE_TRY(Guest * guest, find_running(request));
  if (!is_meant(request, *guest))
    return Error(Code::gone, "boot " + std::to_string(request.boot) + " of this guest has ended; " +
                                 std::to_string(guest->record.boot) + " runs now");
  describe(*guest, reply);
  if (!signal_process(guest->qemu.get(), static_cast<int>(request.signal_number)))
    return Error(Code::gone, "this guest has ended");
  return {};
}

Status Guests::limits(const Request& request, Reply& reply) {
  BRIDLE_TRY(Guest * guest, find_running(request));
  describe(*guest, reply);
  return cgroups_.apply(guest->record.uuid.text(), request.limits);
}

Status Guests::grow(const Request& request, Reply& reply) {
  BRIDLE_TRY(Guest * guest, find_running(request));
  if (!is_meant(request, *guest) || has_ended(guest->qemu.get()))
    return Error(Code::gone, "this boot of the guest has ended");
  describe(*guest, reply);
  return raise_file_bound(static_cast<pid_t>(guest->record.qemu.pid),
                          layout_.guest_uid(guest->record.slot), request.file_size);
}

Status Guests::place(const Request& request, Reply& reply) {
  BRIDLE_TRY(Guest * guest, find_running(request));
  describe(*guest, reply);
  const auto threads = vcpu_threads_of(static_cast<pid_t>(guest->record.qemu.pid));
  reply.count = static_cast<uint32_t>(threads.size());
  return cgroups_.place(guest->record.uuid.text(), threads);
}

Status Guests::usage(const Request& request, Reply& reply) {
  BRIDLE_TRY(Guest * guest, find(request));
  describe(*guest, reply);
  BRIDLE_TRY(const GroupUsage used, cgroups_.usage(guest->record.uuid.text()));
  reply.usage = {used.vcpu_ns,
                 used.emulator_ns,
                 cpu_ns_of(static_cast<pid_t>(guest->record.attendant.pid)),
                 used.memory_bytes,
                 used.read_bytes,
                 used.write_bytes};
  if (used.read_bytes != 0 || used.write_bytes != 0 || guest->phase != Phase::running) return {};
  const ProcessIo io = io_of(static_cast<pid_t>(guest->record.qemu.pid));
  reply.usage.read_bytes = io.read_bytes;
  reply.usage.write_bytes = io.write_bytes;
  return {};
}

Status Guests::forget(const Request& request) {
  const Uuid uuid = uuid_of(request);
  if (guests_.contains(uuid))
    return Error(Code::conflict, "guest " + uuid.text() + " is known: stop and release it first");
  return remove_tree(layout_.tpm(uuid));
}

// ---- start

Status Guests::check_free(const Request& request) const {
  const Uuid uuid = uuid_of(request);
  if (guests_.contains(uuid))
    return Error(Code::conflict, "guest " + uuid.text() +
                                     " is known already: stop and release it before a new start");
  for (const auto& [other, guest] : guests_)
    if (guest.record.slot == request.slot)
      return Error(Code::conflict,
                   "slot " + std::to_string(request.slot) + " belongs to guest " + other.text());
  return {};
}

Status Guests::begin_start(const Request& request, std::vector<Fd>& descriptors, Guest& guest) {
  const Uuid& uuid = guest.record.uuid;
  GuestLaunch launch;
  launch.slot = request.slot;
  launch.use_kvm = request.use_kvm != 0;
  launch.file_size = request.file_size;
  BRIDLE_TRY(launch.arguments, read_arguments(descriptors[0].get()));
  for (size_t i = 0; i < request.file_count; ++i) {
    launch.files.push_back(std::move(descriptors[i + 1]));
    launch.uses.push_back(request.files[i]);
  }
  BRIDLE_CHECK(make_runtime_folder(layout_, uuid));
  BRIDLE_CHECK(write_record(layout_, guest.record));
  BRIDLE_TRY(launch.sockets, make_guest_sockets(layout_, guest.record));
  BRIDLE_TRY(launch.attendant, open_attendant_files(layout_, uuid, request.slot));
  BRIDLE_CHECK(cgroups_.create_guest(uuid.text(), request.limits));
  BRIDLE_TRY(launch.guest_groups, cgroups_.guest_entrances(uuid.text()));
  BRIDLE_TRY(launch.attendant_groups, cgroups_.shared_entrances("attendants"));
  BRIDLE_TRY(Attending attending, launch_guest(layout_, uuid, std::move(launch)));
  guest.record.attendant = attending.id;
  guest.attendant = std::move(attending.pidfd);
  guest.report = std::move(attending.report);
  return loop_.watch(guest.report.get(), EPOLLIN, [this, uuid](uint32_t) { hear_report(uuid); });
}

void Guests::start(const Request& request, std::vector<Fd> descriptors, Answer answer) {
  const auto refuse = [&](const Error& error) {
    Reply reply = blank_reply(Verb::start, request.id);
    std::memcpy(reply.uuid, request.uuid, sizeof reply.uuid);
    set_error(reply, error);
    answer(reply);
  };
  if (const Status status = check_free(request); !status.ok()) return refuse(status.error());
  const Uuid uuid = uuid_of(request);
  Guest& guest = guests_[uuid];
  guest.record = {uuid, request.generation, request.boot, request.slot, {}, {}, host_boot_};
  guest.record.zone = request.zone;
  guest.record.interface_count = static_cast<uint8_t>(request.interface_count);
  std::ranges::copy(request.attachments, guest.record.attachments.begin());
  guest.answer = answer;
  if (Status status = begin_start(request, descriptors, guest); !status.ok())
    return fail_start(guest, std::move(status).context("starting guest " + uuid.text()).error());
  guest.timer = loop_.after(10s, [this, uuid] {
    if (const auto found = guests_.find(uuid); found != guests_.end())
      fail_start(found->second, Error(Code::exhausted, "QEMU was not executed within 10 s"));
  });
}

void Guests::hear_report(const Uuid& uuid) {
  Guest& guest = guests_.at(uuid);
  StartReport report{};
  auto packet = wire::receive_packet(guest.report.get(), wire::writable_bytes_of(report));
  const bool whole = packet.ok() && packet->size == sizeof report;
  report.message[sizeof report.message - 1] = '\0';
  if (!whole) return fail_start(guest, Error(Code::internal, "its attendant died"));
  if (report.error != 0)
    return fail_start(guest, Error(static_cast<Code>(report.error - 1), report.message));
  if (packet->descriptors.size() != 1)
    return fail_start(guest, Error(Code::internal, "its attendant reported no descriptor"));
  finish_start(guest, report, std::move(packet->descriptors[0]));
}

void Guests::finish_start(Guest& guest, const StartReport& report, Fd qemu) {
  loop_.cancel(guest.timer);
  loop_.forget(guest.report.get());
  guest.report.reset();
  guest.record.qemu = {report.pid, report.start_time};
  guest.qemu = std::move(qemu);
  guest.phase = Phase::running;
  const ProcessId tpm{report.tpm_pid, report.tpm_start_time};
  Status status = tpm.pid == 0 ? Status() : take_tpm(guest, tpm);
  if (status.ok()) status = write_record(layout_, guest.record);
  if (!status.ok()) return fail_start(guest, status.error());
  Reply reply = blank_reply(Verb::start, 0);
  describe(guest, reply);
  const Answer answer = std::move(guest.answer);
  guest.answer = nullptr;
  answer(reply);
  if (!watch_qemu(guest).ok() ||
      !watch_attendant(guest, {guest.record.attendant, std::move(guest.attendant), Fd()}).ok())
    log::error("cannot watch a guest", {{"uuid", guest.record.uuid.text()}});
}

void Guests::fail_start(Guest& guest, const Error& error) {
  Reply reply = blank_reply(Verb::start, 0);
  describe(guest, reply);
  reply.state = GuestState::none;
  set_error(reply, error);
  const Answer answer = std::move(guest.answer);
  forget_start(guest);
  answer(reply);
}

void Guests::forget_start(Guest& guest) {
  const Uuid uuid = guest.record.uuid;
  stop_watching(guest);
  end_attendant(guest);
  end_members(uuid);
  for (const Status& status : {cgroups_.remove(uuid.text()), remove_tree(layout_.guest(uuid))})
    if (!status.ok())
      log::error("cannot clean up after a failed start", {{"error", status.error().message()}});
  guests_.erase(uuid);
}

// ---- adoption

Status Guests::adopt() {
  BRIDLE_TRY(host_boot_, host_boot_id());
  BRIDLE_TRY(const auto names, list_folder(layout_.guests()));
  // A newer Bridle's guests are not ours to end: nothing is touched.
  for (const std::string& name : names)
    if (const auto record = read_record(layout_.guests() + "/" + name);
        !record && record.error().code() == Code::refused)
      return record.error();
  for (const std::string& name : names)
    if (Status status = adopt_one(name); !status.ok())
      log::error("cannot adopt a guest", {{"uuid", name}, {"error", status.error().message()}});
  // Groups without a record: a start that was cut before its first record.
  for (const std::string& group : cgroups_.groups()) {
    const auto uuid = Uuid::parse(group);
    if (!uuid || guests_.contains(*uuid)) continue;
    end_members(*uuid);
    if (Status status = cgroups_.remove(group); !status.ok())
      log::warning("cannot remove a cgroup", {{"error", status.error().message()}});
  }
  return {};
}

// A folder without a usable record belongs to nobody who could manage it: its processes are ended.
Status Guests::adopt_one(const std::string& name) {
  BRIDLE_TRY(const Uuid uuid, Uuid::parse(name));
  const std::string folder = layout_.guest(uuid);
  const auto record = read_record(folder);
  if (!record || record->uuid != uuid || record->qemu.pid == 0) {
    log::warning("ending a guest that was never started wholly", {{"uuid", name}});
    end_members(uuid);
    BRIDLE_CHECK(cgroups_.remove(name));
    return remove_tree(folder);
  }
  Guest& guest = guests_[uuid];
  guest.record = *record;
  auto qemu = record->host_boot == host_boot_ ? open_process(record->qemu)
                                              : Result<Fd>(Error(Code::gone, "host restarted"));
  if (!qemu) {
    const auto note = read_exit_note(folder);
    guest.phase = Phase::exited;
    guest.exit = note ? *note : ExitNote{};
    name_killer(guest);
    return {};
  }
  guest.qemu = *std::move(qemu);
  guest.phase = Phase::running;
  BRIDLE_CHECK(watch_qemu(guest));
  adopt_tpm(guest);
  auto attendant = open_process(record->attendant);
  if (attendant) return watch_attendant(guest, {record->attendant, *std::move(attendant), Fd()});
  start_attendant(uuid);
  return {};
}

// ---- life

Status Guests::watch_qemu(Guest& guest) {
  const Uuid uuid = guest.record.uuid;
  return loop_.watch(guest.qemu.get(), EPOLLIN, [this, uuid](uint32_t) { qemu_ended(uuid); });
}

Status Guests::watch_attendant(Guest& guest, Attending attending) {
  const Uuid uuid = guest.record.uuid;
  guest.record.attendant = attending.id;
  guest.attendant = std::move(attending.pidfd);
  guest.attendant_since = clock_.now();
  return loop_.watch(guest.attendant.get(), EPOLLIN,
                     [this, uuid](uint32_t) { attendant_died(uuid); });
}

void Guests::attendant_died(const Uuid& uuid) {
  Guest& guest = guests_.at(uuid);
  reap(guest.attendant.get());
  loop_.forget(guest.attendant.get());
  guest.attendant.reset();
  if (guest.phase != Phase::running || has_ended(guest.qemu.get())) return;
  if (clock_.now() - guest.attendant_since > 10s) guest.attendant_deaths = 0;
  const unsigned doublings = std::min(guest.attendant_deaths++, 6u);
  const Duration delay = doublings == 0 ? Duration(0) : 50ms * (1u << doublings);
  log::warning("an attendant died: starting another", {{"uuid", uuid.text()}});
  if (delay == Duration(0)) return start_attendant(uuid);
  loop_.after(std::min<Duration>(delay, 5s), [this, uuid] { start_attendant(uuid); });
}

void Guests::start_attendant(const Uuid& uuid) {
  const auto found = guests_.find(uuid);
  if (found == guests_.end()) return;
  Guest& guest = found->second;
  if (guest.phase != Phase::running || guest.attendant) return;
  const auto attempt = [&]() -> Status {
    BRIDLE_TRY(AttendantFiles files, open_attendant_files(layout_, uuid, guest.record.slot));
    BRIDLE_TRY(auto groups, cgroups_.shared_entrances("attendants"));
    BRIDLE_TRY(Attending attending, replace_attendant(layout_, guest.record, guest.qemu,
                                                      std::move(files), std::move(groups)));
    BRIDLE_CHECK(watch_attendant(guest, std::move(attending)));
    return write_record(layout_, guest.record);
  };
  const Status status = attempt();
  if (status.ok()) return;
  log::error("cannot start an attendant", {{"error", status.error().message()}});
  loop_.after(1s, [this, uuid] { start_attendant(uuid); });
}

void Guests::qemu_ended(const Uuid& uuid) {
  Guest& guest = guests_.at(uuid);
  loop_.forget(guest.qemu.get());
  guest.phase = Phase::ending;
  if (const auto status = reap(guest.qemu.get())) {  // ours: its attendant had been killed
    const ExitNote note{*status, ""};
    if (Status written = write_exit_note(layout_.guest(uuid), note); !written.ok())
      log::error("cannot leave an exit note", {{"error", written.error().message()}});
    return finish(guest, note);
  }
  guest.note_tries = 250;
  await_note(uuid);
}

void Guests::await_note(const Uuid& uuid) {
  const auto found = guests_.find(uuid);
  if (found == guests_.end() || found->second.phase != Phase::ending) return;
  Guest& guest = found->second;
  if (const auto note = read_exit_note(layout_.guest(uuid))) return finish(guest, *note);
  // An attendant that died before it could wait leaves QEMU to the jail, its heir.
  if (const auto status = reap(guest.qemu.get())) return finish(guest, {*status, ""});
  if (guest.note_tries-- == 0 || !guest.attendant) return finish(guest, {});
  loop_.after(2ms, [this, uuid] { await_note(uuid); });
}

// A QEMU that the kernel killed could not say why: its group's counters do.
void Guests::name_killer(Guest& guest) {
  if (guest.exit.status >= 0 &&
      !(WIFSIGNALED(guest.exit.status) && WTERMSIG(guest.exit.status) == SIGKILL))
    return;
  const OomKill kill = cgroups_.oom_kill(guest.record.uuid.text());
  if (kill == OomKill::limit) guest.exit.last_words = "killed by its memory limit";
  if (kill == OomKill::host) guest.exit.last_words = "killed because the host ran out of memory";
}

void Guests::finish(Guest& guest, ExitNote note) {
  guest.exit = std::move(note);
  if (!guest.tpm) return tell_end(guest);
  guest.note_taken = true;
  guest.timer = loop_.after(500ms, [tpm = guest.tpm.get()] { signal_process(tpm, SIGKILL); });
}

void Guests::tell_end(Guest& guest) {
  guest.phase = Phase::exited;
  name_killer(guest);
  Reply reply = blank_reply(Verb::exited, 0);
  describe(guest, reply);
  log::info("a guest ended", {{"uuid", guest.record.uuid.text()},
                              {"status", std::to_string(guest.exit.status)},
                              {"words", guest.exit.last_words}});
  announce_(reply);
}

// ---- endings

void Guests::stop_watching(Guest& guest) {
  loop_.cancel(guest.timer);
  for (Fd* fd : {&guest.qemu, &guest.attendant, &guest.report, &guest.tpm})
    if (*fd) loop_.forget(fd->get());
}

void Guests::end_attendant(Guest& guest) {
  if (!guest.attendant) return;
  loop_.forget(guest.attendant.get());
  signal_process(guest.attendant.get(), SIGKILL);
  for (int i = 0; i < 200 && !has_ended(guest.attendant.get()); ++i) ::usleep(500);
  reap(guest.attendant.get());
  guest.attendant.reset();
}

// REQUIRES: nobody wants these processes; ends every one in the guest's groups.
void Guests::end_members(const Uuid& uuid) {
  for (int i = 0; i < 400; ++i) {
    const auto members = cgroups_.members(uuid.text());
    if (members.empty()) return;
    for (const pid_t pid : members) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, WNOHANG);
    }
    ::usleep(500);
  }
}

}  // namespace bridle::jail
