// What comes over control.sock, carried out.
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>

#include "base/log.h"
#include "switch/process/process.h"

namespace bridle::net {
namespace {

constexpr uint64_t first_client_key = 5;  // as in process.cc
constexpr size_t capture_ring = 4 << 20;  // bytes of each worker

}  // namespace

Process::Client* Process::client(uint64_t number) {
  const auto found = std::find_if(clients_.begin(), clients_.end(),
                                  [&](const Client& one) { return one.number == number; });
  return found == clients_.end() ? nullptr : &*found;
}

void Process::drop_client(uint64_t number) {
  if (capturing_ && capturing_->client == number) {
    switch_->capture(nullptr);
    capturing_.reset();
  }
  std::erase_if(clients_, [&](const Client& one) { return one.number == number; });
}

void Process::serve_connection(uint64_t number) {
  Client* one = client(number);
  if (one == nullptr) return;
  Connection& connection = *one->connection;
  bool alive = connection.flush() && connection.read();
  while (alive && !stopping_) {
    const auto line = connection.next_line();
    if (!line) break;
    alive = answer(number, connection, *line);
  }
  const bool more = alive && connection.has_more_to_write();
  if (!alive || !watch(connection.descriptor(), first_client_key + number, more).ok())
    drop_client(number);
}

bool Process::answer(uint64_t number, Connection& connection, const std::string& line) {
  auto request = control_request_from(line);
  if (!request.ok()) return connection.write(error_line(request.error(), std::nullopt));
  if (request->verb == ControlVerb::capture) {
    const Status begun = begin_capture(number, *request, connection.take_descriptor());
    return begun.ok() || connection.write(error_line(begun.error(), request->id));
  }
  auto body = carry_out(*request);
  return connection.write(body.ok() ? answer_line(*std::move(body), request->id)
                                    : error_line(body.error(), request->id));
}

Result<json::object> Process::carry_out(const ControlRequest& request) {
  switch (request.verb) {
    case ControlVerb::hello:
      return hello();
    case ControlVerb::apply:
      return apply(request);
    case ControlVerb::status:
      return to_json_status();
    case ControlVerb::trace:
      return trace(request);
    default:
      stopping_ = true;
      return json::object();
  }
}

json::object Process::hello() const {
  return {{"protocol", control_protocol},
          {"version", BRIDLE_VERSION},
          {"zone", switch_->config().zone},
          {"generation", switch_->generation()},
          {"pid", ::getpid()}};
}

Result<json::object> Process::apply(const ControlRequest& request) {
  const Config& config = request.config;
  const uint64_t now = switch_->generation();
  if (config.generation < now)
    return Error(Code::conflict, "generation " + std::to_string(now) + " is in force");
  if (config.generation != now || saved_ != now) {
    BRIDLE_CHECK(switch_->apply(config));
    BRIDLE_CHECK(state_.save(config).context("keeping the configuration"));
    saved_ = config.generation;
    attach();
    for (const auto& worker : workers_) worker->descriptors_changed();
    log::info("applied", {{"generation", std::to_string(config.generation)},
                          {"ports", std::to_string(config.ports.size())}});
  }
  return json::object{{"generation", switch_->generation()}};
}

Result<json::object> Process::trace(const ControlRequest& request) {
  BRIDLE_TRY(const TraceReport report, switch_->trace(request.port, request.frame));
  return to_json(report);
}

json::object Process::to_json_status() {
  SwitchStatus status;
  hold_workers();
  const SwitchReport report = switch_->report();
  const Status books = switch_->check_conservation();
  let_workers_go();
  const Config config = switch_->config();
  status.zone = config.zone;
  status.version = BRIDLE_VERSION;
  status.generation = report.generation;
  status.pid = static_cast<uint32_t>(::getpid());
  status.cycles_per_second = cycles_per_second_;
  status.nobody = report.nobody;
  status.conservation = books.ok() ? "" : books.error().message();
  for (const PortReport& port : report.ports) {
    const auto wish = std::find_if(config.ports.begin(), config.ports.end(),
                                   [&](const Port& one) { return one.id == port.id; });
    if (wish != config.ports.end()) ports_->describe(port, *wish, status.ports.emplace_back());
  }
  for (size_t i = 0; i < workers_.size(); ++i) {
    const PoolUse use = factory_->use_of(i);
    status.workers.push_back({workers_[i]->beat(), workers_[i]->sleeps(), workers_[i]->busy_ns(),
                              beats_[i].interrupted, use.available, use.capacity});
  }
  return to_json(status);
}

Status Process::begin_capture(uint64_t number, const ControlRequest& request, Fd into) {
  if (!into) return Error(Code::invalid, "capture: a descriptor is wanted beside the line");
  if (capturing_) return Error(Code::conflict, "capture: another one is running");
  std::map<uint32_t, std::string> names;
  for (const Port& port : switch_->config().ports) names[port.id] = port.name;
  SystemClock clock;
  const int64_t offset = clock.wall().ns - clock.now().ns;
  CaptureFilter filter;
  filter.ports = request.capture.ports;
  filter.snap = request.capture.snap;
  auto tap = std::make_shared<CaptureTap>(filter, capture_ring, workers_.size());
  auto run = std::make_unique<CaptureRun>(request.capture, std::move(into), tap,
                                          Pcapng(names, request.capture.snap, offset));
  capturing_ = std::make_unique<Capturing>(Capturing{std::move(run), number, request.id});
  switch_->capture(tap);
  return {};
}

void Process::end_capture() {
  switch_->capture(nullptr);
  const auto done = std::move(capturing_);
  Client* one = client(done->client);
  if (one != nullptr && !one->connection->write(answer_line(done->run->outcome(), done->id)))
    drop_client(done->client);
}

}  // namespace bridle::net
