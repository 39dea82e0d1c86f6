#include "switch/switch_control.h"

#include <algorithm>

#include "base/check.h"
#include "switch/question.h"

namespace bridle::net {

Switch::Control::Control(SwitchOptions options)
    : options_(std::move(options)),
      publication_(options_.pools.size()),
      nobody_(std::make_shared<PortState>(0, options_.pools.size())) {
  BRIDLE_ASSERT(!options_.pools.empty());
  for (size_t i = 0; i < options_.pools.size(); ++i)
    workers.push_back(std::make_unique<Worker>(
        std::make_unique<WorkerCore>(publication_, i, *options_.pools[i], options_.cycles)));
  const Status empty = apply(Config{});
  BRIDLE_ASSERT(empty.ok());
}

Switch::Control::~Control() = default;

std::shared_ptr<PortState> Switch::Control::state_of(const Port& port) {
  auto& state = ports_[port.id];
  if (state == nullptr) state = std::make_shared<PortState>(port.id, options_.pools.size());
  return state;
}

void Switch::Control::release_driver(PortState& port) {
  if (port.driver != nullptr)
    retired_.push_back({version_, nullptr, std::move(port.driver), nullptr});
}

// Ports that go, and drivers of those whose other side is another now.
void Switch::Control::drop_ports(const Snapshot& next) {
  for (const Port& old : snapshot_->config().ports) {
    const PortIndex index = next.port_by_id(old.id);
    const auto found = ports_.find(old.id);
    if (index != no_port) {
      const Port& port = next.port_config(index);
      if (port.attachment != old.attachment || port.place != old.place)
        release_driver(*found->second);
      continue;
    }
    release_driver(*found->second);
    retired_.push_back({version_, nullptr, nullptr, std::move(found->second)});
    ports_.erase(found);
  }
}

Status Switch::Control::apply(Config config) {
  BRIDLE_TRY(auto next, Snapshot::build(std::move(config)));
  auto graph = std::make_shared<const Graph>(*next);
  auto addresses = std::make_shared<LiveAddresses>(*next);
  if (snapshot_ != nullptr) {
    addresses->inherit(*addresses_, *snapshot_);
    drop_ports(*next);
  }
  snapshot_ = std::move(next);
  graph_ = std::move(graph);
  addresses_ = std::move(addresses);
  for (const Port& port : snapshot_->config().ports) state_of(port);
  teams_ = look_at_links();
  publish();
  return {};
}

std::vector<Wanted> Switch::Control::wants() const {
  std::vector<Wanted> wanted;
  for (const Port& port : snapshot_->config().ports)
    if (ports_.at(port.id)->driver == nullptr)
      wanted.push_back({port.id, port.attachment, port.place,
                        static_cast<uint32_t>(port.id % options_.pools.size())});
  return wanted;
}

Status Switch::Control::attach(uint32_t port, std::unique_ptr<Driver> driver) {
  const auto found = ports_.find(port);
  if (found == ports_.end())
    return Error(Code::not_found, "there is no port " + std::to_string(port));
  if (found->second->driver != nullptr)
    return Error(Code::conflict, "port " + std::to_string(port) + " has a driver");
  found->second->driver = std::move(driver);
  publish();
  return {};
}

Status Switch::Control::detach(uint32_t port) {
  const auto found = ports_.find(port);
  if (found == ports_.end() || found->second->driver == nullptr)
    return Error(Code::not_found, "port " + std::to_string(port) + " has no driver");
  release_driver(*found->second);
  publish();
  return {};
}

// Remembers who is up. REQUIRES: ports_ fits snapshot_.
std::shared_ptr<const Teams> Switch::Control::look_at_links() {
  up_.clear();
  for (const Port& port : snapshot_->config().ports) {
    const PortState& state = *ports_.at(port.id);
    up_.push_back(state.driver != nullptr && state.driver->up());
  }
  return std::make_shared<const Teams>(*snapshot_, up_);
}

// A guest that came, and guests whose uplink is another one now.
void Switch::Control::announce_changes(const Teams& before, const std::vector<bool>& up_before) {
  auto announcements = std::make_shared<Announcements>();
  for (size_t g = 0; g < snapshot_->group_count(); ++g) {
    const auto group = static_cast<GroupIndex>(g);
    for (const PortIndex member : snapshot_->members(snapshot_->group(group))) {
      if (snapshot_->port(member).outside() || !up_[member]) continue;
      const PortIndex uplink = teams_->home_of(*snapshot_, group, member);
      const bool moved = uplink != before.home_of(*snapshot_, group, member);
      if (uplink != no_port && (moved || !up_before[member]))
        announce_port(*snapshot_, group, member, uplink, announcements->list);
    }
  }
  if (!announcements->list.empty()) announcements_.push_back(std::move(announcements));
}

void Switch::Control::tick(Tick /*now*/) {
  const std::vector<bool> before = up_;
  const auto teams_before = teams_;
  auto teams = look_at_links();
  if (up_ != before) {
    teams_ = std::move(teams);
    announce_changes(*teams_before, before);
    publish();
  }
  collect();
}

void Switch::Control::publish() {
  const auto done = [](const auto& announcements) { return announcements->done(); };
  announcements_.erase(std::remove_if(announcements_.begin(), announcements_.end(), done),
                       announcements_.end());
  Plane::Parts parts{.snapshot = snapshot_,
                     .graph = graph_,
                     .addresses = addresses_,
                     .teams = teams_,
                     .tap = tap_,
                     .policy = policy_,
                     .announcements = announcements_,
                     .version = version_ + 1,
                     .workers = options_.pools.size()};
  for (const Port& port : snapshot_->config().ports) {
    parts.ports.push_back(ports_.at(port.id));
    parts.drivers.push_back(parts.ports.back()->driver.get());
  }
  parts.ports.push_back(nobody_);
  auto next = std::make_unique<const Plane>(std::move(parts));
  publication_.publish(next.get());
  if (plane_ != nullptr) retired_.push_back({version_, std::move(plane_), nullptr, nullptr});
  plane_ = std::move(next);
  ++version_;
  collect();
}

void Switch::Control::collect() {
  const uint64_t oldest = publication_.oldest_in_use();
  // Planes before the ports that they show, for a port's book is closed when nobody writes to it.
  for (Retired& old : retired_)
    if (old.version < oldest) old.plane.reset();
  for (Retired& old : retired_)
    if (old.version < oldest && old.port != nullptr) gone_.add(totals_of(*old.port));
  retired_.erase(std::remove_if(retired_.begin(), retired_.end(),
                                [&](const Retired& old) { return old.version < oldest; }),
                 retired_.end());
}

PortTotals Switch::Control::totals_of(const PortState& port) const {
  PortTotals totals;
  for (size_t worker = 0; worker < options_.pools.size(); ++worker)
    totals.add(port.counters[worker]);
  return totals;
}

SwitchReport Switch::Control::report() const {
  SwitchReport report{snapshot_->config().generation, {}, {}};
  for (size_t i = 0; i < snapshot_->port_count(); ++i) {
    const Port& port = snapshot_->port_config(static_cast<PortIndex>(i));
    const PortState& state = *ports_.at(port.id);
    PortReport& entry = report.ports.emplace_back();
    entry.id = port.id;
    entry.name = port.name;
    entry.totals = totals_of(state);
    entry.learned = addresses_->count(static_cast<PortIndex>(i));
    entry.attached = state.driver != nullptr;
    if (!entry.attached) continue;
    entry.up = state.driver->up();
    entry.driver = state.driver->name();
    entry.driver_counters = state.driver->counters();
  }
  report.nobody = totals_of(*nobody_);
  report.nobody.add(gone_);
  for (const Retired& old : retired_)
    if (old.port != nullptr) report.nobody.add(totals_of(*old.port));
  return report;
}

Status Switch::Control::check_conservation() const {
  const SwitchReport now = report();
  PortTotals all = now.nobody;
  BRIDLE_CHECK(net::check_conservation(now.nobody).context("nobody's"));
  for (const PortReport& port : now.ports) {
    BRIDLE_CHECK(net::check_conservation(port.totals).context("port " + std::to_string(port.id)));
    all.add(port.totals);
  }
  if (all.delivered != all.sent)
    return Error(Code::internal, "delivered " + std::to_string(all.delivered) + ", sent " +
                                     std::to_string(all.sent));
  return {};
}

Result<TraceReport> Switch::Control::trace(uint32_t port, std::span<const uint8_t> frame) const {
  const PortIndex index = snapshot_->port_by_id(port);
  if (index == no_port) return Error(Code::not_found, "there is no port " + std::to_string(port));
  return ask(*plane_, index, frame);
}

void Switch::Control::capture(std::shared_ptr<CaptureTap> tap) {
  tap_ = std::move(tap);
  publish();
}

void Switch::Control::set_policy(std::shared_ptr<const PolicyProgram> program) {
  policy_ = std::move(program);
  publish();
}

}  // namespace bridle::net
