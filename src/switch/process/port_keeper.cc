#include "switch/process/port_keeper.h"

#include <algorithm>

#include "base/log.h"
#include "switch/drivers/af_xdp.h"
#include "switch/drivers/datagram.h"
#include "switch/drivers/packet_socket.h"
#include "switch/drivers/ring.h"
#include "switch/drivers/tap.h"

namespace bridle::net {
namespace {

constexpr size_t most_handed = 4096;  // ports whose descriptors wait for a configuration
constexpr Duration retry = std::chrono::seconds(1);

size_t descriptors_of(wire::PortKind kind) {
  switch (kind) {
    case wire::PortKind::af_xdp:
    case wire::PortKind::ring:
      return 3;
    default:
      return 1;
  }
}

bool matches(Attachment attachment, wire::PortKind kind) {
  using wire::PortKind;
  switch (attachment) {
    case Attachment::datagram:
      return kind == PortKind::datagram;
    case Attachment::tap:
      return kind == PortKind::tap || kind == PortKind::nat;
    case Attachment::af_packet:
      return kind == PortKind::af_packet;
    case Attachment::af_xdp:
      return kind == PortKind::af_xdp;
    case Attachment::ring:
      return kind == PortKind::ring;
    default:
      return false;
  }
}

}  // namespace

Status check_record(const wire::PortRecord& record, size_t descriptors) {
  const auto invalid = [](const char* what) { return Error(Code::invalid, what); };
  if (record.magic != wire::port_magic || record.version != wire::port_version)
    return invalid("no port record of this version");
  if (record.port == 0) return invalid("a port record without a port");
  if (record.act == wire::PortAct::take)
    return descriptors == 0 ? Status() : invalid("a port record with descriptors of no use");
  if (record.act != wire::PortAct::give) return invalid("a port record that wants the unknown");
  if (record.kind < wire::PortKind::datagram || record.kind > wire::PortKind::ring)
    return invalid("a port record of an unknown kind");
  if (descriptors != descriptors_of(record.kind))
    return invalid("a port record with too few or too many descriptors");
  if (record.side > 1 || record.mtu > largest_frame) return invalid("a port record out of bounds");
  return {};
}

Status PortKeeper::take(const wire::PortRecord& record, std::vector<Fd> descriptors) {
  BRIDLE_CHECK(check_record(record, descriptors.size()));
  handed_.erase(record.port);
  failures_.erase(record.port);
  // Whatever it was made of is not to be used any more.
  const Status detached = switch_.detach(record.port);
  if (record.act == wire::PortAct::take) return {};
  log::info("a port's descriptors came", {{"port", std::to_string(record.port)},
                                          {"kind", std::to_string(static_cast<int>(record.kind))},
                                          {"instead", detached.ok() ? "yes" : "no"}});
  if (handed_.size() >= most_handed)
    return Error(Code::exhausted, "descriptors of too many ports that nobody configured");
  handed_[record.port] = {record, std::move(descriptors)};
  return {};
}

Result<std::unique_ptr<Driver>> PortKeeper::open_handed(Attachment attachment, Handed& handed,
                                                        FramePool& pool) {
  const wire::PortRecord& record = handed.record;
  std::vector<Fd>& fds = handed.descriptors;
  switch (attachment) {
    case Attachment::datagram:
      return open_datagram(std::move(fds[0]), pool, record.mtu);
    case Attachment::tap:
      return open_tap(std::move(fds[0]), pool, record.mtu);
    case Attachment::af_packet:
      return open_packet_socket(std::move(fds[0]), pool, record.mtu);
    case Attachment::af_xdp:
      return open_xdp({std::move(fds[0]), std::move(fds[1]), std::move(fds[2]), record.frame_size,
                       record.ring_entries, record.mtu},
                      pool);
    default: {
      const size_t mine = record.side == 0 ? 1 : 2;
      return open_ring(
          {std::move(fds[0]), std::move(fds[mine]), std::move(fds[3 - mine]), record.side}, pool);
    }
  }
}

Result<std::unique_ptr<Driver>> PortKeeper::open(const Wanted& wanted) {
  FramePool& pool = *pools_.at(wanted.worker);
  if (wanted.attachment == Attachment::vhost_user)
    return factory_.open_vhost_user(wanted.place, wanted.port, wanted.worker);
  const auto found = handed_.find(wanted.port);
  if (found == handed_.end()) return Error(Code::not_found, "");
  if (!matches(wanted.attachment, found->second.record.kind))
    return Error(Code::invalid, "the jail handed over another kind of port");
  auto driver = open_handed(wanted.attachment, found->second, pool);
  handed_.erase(found);
  return driver;
}

bool PortKeeper::attach_wanted(Tick now) {
  bool changed = false;
  for (const Wanted& wanted : switch_.wants()) {
    const auto failure = failures_.find(wanted.port);
    if (failure != failures_.end() && now - failure->second.at < retry) continue;
    auto driver = open(wanted);
    Status attached =
        driver.ok() ? switch_.attach(wanted.port, *std::move(driver)) : std::move(driver).error();
    if (attached.ok()) {
      failures_.erase(wanted.port);
      changed = true;
    } else if (attached.error().code() != Code::not_found) {
      if (failure == failures_.end())
        log::warning("a port cannot be opened",
                     {{"port", std::to_string(wanted.port)}, {"why", attached.error().message()}});
      failures_[wanted.port] = {attached.error().message(), now};
    }
  }
  return changed;
}

std::string PortKeeper::waits_for(const Port& config) const {
  if (config.attachment != Attachment::vhost_user) return "its other side is gone";
  const std::string refusal = factory_.trouble_of(config.id);
  if (!refusal.empty()) return "refused: " + refusal;
  return "its guest does not answer at " + config.place;
}

void PortKeeper::describe(const PortReport& report, const Port& config, PortStatus& into) const {
  into.id = report.id;
  into.name = report.name;
  into.driver = report.driver;
  into.totals = report.totals;
  into.counters = report.driver_counters;
  into.learned = report.learned;
  const auto failure = failures_.find(report.id);
  if (!config.link) {
    into.state = PortState::link_down;
  } else if (failure != failures_.end()) {
    into.state = PortState::failed;
    into.why = failure->second.why;
  } else if (!report.attached) {
    into.state = PortState::no_descriptor;
    into.why = "the jail has not handed it over";
  } else if (report.up) {
    into.state = PortState::connected;
  } else {
    into.state = PortState::waiting;
    into.why = waits_for(config);
  }
}

}  // namespace bridle::net
