#include "switch/process/process.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <x86intrin.h>

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "switch/process/filter.h"
#include "wire/socket.h"

namespace bridle::net {
namespace {

enum Key : uint64_t {
  control_key,
  jail_key,
  jail_connection_key,
  timer_key,
  signal_key,
  first_client
};

constexpr size_t most_clients = 16;
constexpr Duration patience = std::chrono::milliseconds(50);
constexpr long tick_ns = 10'000'000;
constexpr uint32_t quiet_ticks_each = 5;

uint64_t read_tsc() { return __rdtsc(); }

uint64_t measure_tsc() {
  SystemClock clock;
  const Tick begin = clock.now();
  const uint64_t from = read_tsc();
  Tick end = begin;
  while (end - begin < std::chrono::milliseconds(2)) end = clock.now();
  const uint64_t cycles = read_tsc() - from;
  return cycles * 1'000'000'000 / static_cast<uint64_t>((end - begin).count());
}

}  // namespace

Process::Process(ProcessOptions options)
    : options_(std::move(options)), state_(options_.folder + "/state") {}

Process::~Process() {
  if (switch_) switch_->capture(nullptr);
  workers_.clear();
  ports_.reset();
  switch_.reset();
}

Result<std::unique_ptr<Process>> Process::start(ProcessOptions options) {
  std::unique_ptr<Process> process(new Process(std::move(options)));
  BRIDLE_CHECK(process->prepare());
  return process;
}

Status Process::prepare() {
  BRIDLE_CHECK(make_folder(options_.folder + "/state"));
  BRIDLE_TRY(factory_, DriverFactory::start(options_.folder));
  auto kept = state_.load();
  if (!kept.ok())
    log::error("the kept configuration is of no use", {{"why", kept.error().message()}});
  std::optional<Config> config;
  if (kept.ok()) config = *std::move(kept);
  if (options_.workers == 0) options_.workers = config ? std::clamp(config->workers, 1u, 16u) : 1;
  BRIDLE_CHECK(make_workers());
  if (config) {
    saved_ = config->generation;
    const Status applied = switch_->apply(*std::move(config));
    if (!applied.ok())
      log::error("the kept configuration is refused", {{"why", applied.error().message()}});
  }
  ports_->attach_wanted(SystemClock().now());
  BRIDLE_CHECK(make_sockets());
  for (size_t i = 0; i < workers_.size(); ++i) BRIDLE_CHECK(workers_[i]->start(i));
  log::info("switching", {{"generation", std::to_string(switch_->generation())},
                          {"workers", std::to_string(workers_.size())}});
  return confine_process();
}

Status Process::make_workers() {
  for (unsigned i = 0; i < options_.workers; ++i) {
    BRIDLE_TRY(FramePool * pool, factory_->make_pool(i, options_.frames));
    pools_.push_back(pool);
  }
  cycles_per_second_ = measure_tsc();
  switch_ = std::make_unique<Switch>(
      SwitchOptions{.pools = pools_, .cycles = read_tsc, .cycles_per_second = cycles_per_second_});
  ports_ = std::make_unique<PortKeeper>(*switch_, *factory_, pools_);
  for (size_t i = 0; i < pools_.size(); ++i)
    workers_.push_back(std::make_unique<WorkerThread>(switch_->worker(i)));
  beats_.resize(workers_.size());
  return {};
}

Status Process::watch(int fd, uint64_t key, bool writable) {
  epoll_event event{};
  event.events = writable ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.u64 = key;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return {};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0) return {};
  return errno_error("watching a descriptor");
}

Status Process::make_sockets() {
  epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  timer_ = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  signals_ = Fd(::signalfd(-1, &ends, SFD_NONBLOCK | SFD_CLOEXEC));
  const itimerspec every{{0, tick_ns}, {0, tick_ns}};
  if (!epoll_ || !timer_ || !signals_ || ::timerfd_settime(timer_.get(), 0, &every, nullptr) != 0)
    return errno_error("making the control thread's descriptors");
  if (!options_.control) {
    BRIDLE_TRY(options_.control, wire::listen_unix(options_.folder + "/control.sock",
                                                   SOCK_STREAM | SOCK_NONBLOCK, 0600));
  }
  if (!options_.jail) {
    BRIDLE_TRY(options_.jail, wire::listen_unix(options_.folder + "/jail.sock",
                                                SOCK_SEQPACKET | SOCK_NONBLOCK, 0600));
  }
  BRIDLE_CHECK(watch(options_.control.get(), control_key));
  BRIDLE_CHECK(watch(options_.jail.get(), jail_key));
  BRIDLE_CHECK(watch(timer_.get(), timer_key));
  return watch(signals_.get(), signal_key);
}

Status Process::run() {
  epoll_event events[32];
  while (!stopping_) {
    const int count = ::epoll_wait(epoll_.get(), events, std::size(events), -1);
    if (count < 0 && errno != EINTR) return errno_error("waiting");
    for (int i = 0; i < count; ++i) serve(events[i].data.u64);
  }
  log::info("ending");
  return {};
}

void Process::serve(uint64_t key) {
  switch (key) {
    case control_key:
      return accept_control();
    case jail_key:
      return accept_jail();
    case jail_connection_key:
      return serve_jail();
    case timer_key:
      return tick();
    case signal_key:
      stopping_ = true;
      return;
    default:
      return serve_connection(key - first_client);
  }
}

void Process::accept_control() {
  auto socket = wire::accept_unix(options_.control.get());
  if (!socket.ok() || clients_.size() >= most_clients) return;
  const uint64_t number = next_client_++;
  if (!watch(socket->get(), first_client + number).ok()) return;
  clients_.push_back({number, std::make_unique<Connection>(*std::move(socket))});
}

// One at a time, the newest: a jail that was killed left the other.
void Process::accept_jail() {
  auto socket = wire::accept_unix(options_.jail.get());
  if (!socket.ok()) return;
  jail_connection_ = *std::move(socket);
  const Status watched = watch(jail_connection_.get(), jail_connection_key);
  if (!watched.ok()) jail_connection_.reset();
}

void Process::serve_jail() {
  wire::PortRecord record{};
  auto packet = wire::receive_packet(jail_connection_.get(), wire::writable_bytes_of(record));
  if (!packet.ok() && packet.error().code() == Code::exhausted) return;
  if (!packet.ok() || packet->size == 0) return jail_connection_.reset();
  const Status taken = packet->size == sizeof record
                           ? ports_->take(record, std::move(packet->descriptors))
                           : Error(Code::invalid, "a port record of another size");
  if (!taken.ok())
    log::error("what the jail handed over is refused", {{"why", taken.error().message()}});
  for (const auto& worker : workers_) worker->descriptors_changed();
  attach();
}

void Process::attach() {
  if (!ports_->attach_wanted(SystemClock().now())) return;
  for (const auto& worker : workers_) worker->descriptors_changed();
}

void Process::tick() {
  uint64_t expired = 0;
  if (::read(timer_.get(), &expired, sizeof expired) < 0) return;
  if (is_quiet() && ++quiet_ticks_ % quiet_ticks_each != 0) return;
  const Tick now = SystemClock().now();
  switch_->tick(now);
  attach();
  watch_workers(now);
  if (capturing_ && capturing_->run->step(now)) end_capture();
}

// Nobody worked since the last tick: what changes by itself may wait a little longer.
bool Process::is_quiet() {
  uint64_t turns = 0;
  for (const auto& worker : workers_) turns += worker->beat();
  return std::exchange(turns_, turns) == turns && !capturing_;
}

void Process::watch_workers(Tick now) {
  for (size_t i = 0; i < workers_.size(); ++i) {
    Beat& beat = beats_[i];
    const uint64_t turns = workers_[i]->beat();
    if (turns != beat.turns || !workers_[i]->in_turn()) {
      beat.turns = turns;
      beat.since = now;
    } else if (now - beat.since > patience) {
      workers_[i]->interrupt();
      ++beat.interrupted;
      beat.since = now;
    }
  }
}

void Process::hold_workers() {
  for (const auto& worker : workers_) worker->hold();
}
void Process::let_workers_go() {
  for (const auto& worker : workers_) worker->let_go();
}

}  // namespace bridle::net
