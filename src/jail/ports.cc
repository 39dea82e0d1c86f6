#include "jail/ports.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/crash_point.h"
#include "base/file.h"
#include "base/log.h"
#include "jail/guest_start.h"
#include "jail/guests.h"
#include "jail/process.h"
#include "jail/validate.h"
#include "wire/socket.h"

namespace bridle::jail {

using namespace std::chrono_literals;

namespace {

constexpr size_t most_ports = 16384;  // of all switches

bool is_ring(const PortOrder& order) { return order.kind == PortKind::ring; }
unsigned sides_of(const PortOrder& order) { return is_ring(order) ? 2 : 1; }

bool is_same(const PortOrder& a, const PortOrder& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

// No room yet: said again by the loop.
Error no_room() { return Error(Code::exhausted, "the switch has not read what came before"); }

}  // namespace

Ports::Ports(Loop& loop, const Layout& layout, FindGuest find_guest)
    : loop_(loop), layout_(layout), find_guest_(std::move(find_guest)), nat_(layout) {}

uint32_t Ports::zone_of(const Port& port, unsigned side) {
  return side == 0 ? port.state.zone : port.state.order.peer_zone;
}

bool Ports::needs(const Port& port, unsigned side) const {
  const auto process = processes_.find(zone_of(port, side));
  return process != processes_.end() && process->second.id != port.state.given[side];
}

std::string Ports::file_of(const Port& port) const {
  return layout_.switch_run(port.state.zone) + "/port." + std::to_string(port.state.port);
}

Status Ports::save(const Port& port) const {
  return replace_file(file_of(port), encode(port.state));
}

void Ports::fill(const Port& port, Reply& reply) const {
  reply.zone = port.state.zone;
  reply.port = port.state.port;
  reply.port_kind = port.state.order.kind;
  reply.port_note = port.note;
  std::memcpy(reply.device, port.device.data(),
              std::min(port.device.size(), sizeof reply.device - 1));
  const size_t size = std::min(port.why.size(), sizeof reply.message - 1);
  std::memcpy(reply.message, port.why.data(), size);
  reply.message[size] = '\0';
}

std::vector<Reply> Ports::list(uint64_t id, uint32_t zone) const {
  std::vector<Reply> replies;
  for (const auto& [key, port] : ports_) {
    if (key.first != zone) continue;
    Reply reply = blank_reply(Verb::port_list, id);
    fill(port, reply);
    reply.index = static_cast<uint32_t>(replies.size());
    replies.push_back(reply);
  }
  for (Reply& reply : replies) reply.count = static_cast<uint32_t>(replies.size());
  if (replies.empty()) replies.push_back(blank_reply(Verb::port_list, id));
  for (Reply& reply : replies) reply.zone = zone;
  return replies;
}

// ---- adoption

Status Ports::adopt(uint32_t zone, bool same_host_boot) {
  const std::string folder = layout_.switch_run(zone);
  BRIDLE_TRY(const auto names, list_folder(folder));
  for (const std::string& name : names) {
    if (!name.starts_with("port.") || name.ends_with(".incomplete")) continue;
    const auto bytes = read_file(folder + "/" + name, 4096);
    auto state = bytes.ok() ? decode_port_state(*bytes) : Result<PortState>(bytes.error());
    if (!state && state.error().code() == Code::refused) return state.error();
    if (!state || state->zone != zone || name != "port." + std::to_string(state->port)) {
      log::error("a port's record is unusable", {{"file", name}});
      continue;
    }
    if (!same_host_boot) {
      state->given = {};
      state->link = 0;
    }
    if (state->order.kind == PortKind::nat) nat_.know(*state);
    const uint32_t port = state->port;
    ports_[{zone, port}].state = *std::move(state);
  }
  return {};
}

void Ports::switch_runs(uint32_t zone, const ProcessId& process) {
  switch_ended(zone);
  processes_[zone].id = process;
  deliver(zone);
}

void Ports::switch_ended(uint32_t zone) {
  const auto found = processes_.find(zone);
  if (found == processes_.end()) return;
  drop_connection(found->second);
  processes_.erase(found);
}

// ---- hand-over

void Ports::drop_connection(Process& process) {
  if (process.connection) loop_.forget(process.connection.get());
  process.connection.reset();
  process.waits = false;
}

Status Ports::connect(uint32_t zone, Process& process) {
  if (process.connection) return {};
  const std::string path = layout_.switch_run(zone) + "/jail.sock";
  BRIDLE_TRY(Fd fd, wire::connect_unix(path, SOCK_SEQPACKET | SOCK_NONBLOCK));
  // Events come for its end alone: nothing is read from a switch.
  const auto ended = [this, zone](uint32_t events) {
    const auto found = processes_.find(zone);
    if (found == processes_.end()) return;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) return drop_connection(found->second);
    found->second.waits = false;
    if (!loop_.change(found->second.connection.get(), 0).ok()) drop_connection(found->second);
    deliver(zone);
  };
  BRIDLE_CHECK(loop_.watch(fd.get(), 0, ended));
  process.connection = std::move(fd);
  return {};
}

void Ports::wait_for_room(uint32_t zone, Process& process) {
  if (process.waits) return;
  process.waits = true;
  if (!loop_.change(process.connection.get(), EPOLLOUT).ok())
    log::error("cannot wait for a switch", {{"zone", std::to_string(zone)}});
}

Status Ports::send(uint32_t zone, const PortEnd& end) {
  const auto found = processes_.find(zone);
  if (found == processes_.end()) return Error(Code::unreachable, "the switch does not run");
  Process& process = found->second;
  BRIDLE_CHECK(connect(zone, process));
  pollfd poll{process.connection.get(), POLLOUT, 0};
  if (::poll(&poll, 1, 0) != 1 || (poll.revents & POLLOUT) == 0) {
    wait_for_room(zone, process);
    return no_room();
  }
  std::vector<int> numbers;
  for (const Fd& fd : end.descriptors) numbers.push_back(fd.get());
  BRIDLE_CRASH_POINT("port.hand_over");
  Status sent = wire::send_packet(process.connection.get(), wire::bytes_of(end.record), numbers);
  if (!sent.ok()) drop_connection(process);
  return sent;
}

Result<PortEnd> Ports::share(Port& port, unsigned side) {
  if (port.ring.empty()) {
    BRIDLE_TRY(PortEnd fresh, make_ring(port.state.order));
    port.ring = std::move(fresh.descriptors);
    port.state.given = {};  // what either side has of an earlier ring leads nowhere
  }
  PortEnd end;
  end.record.magic = wire::port_magic;
  end.record.version = wire::port_version;
  end.record.act = wire::PortAct::give;
  end.record.kind = PortKind::ring;
  end.record.side = static_cast<uint8_t>(side);
  end.record.bytes = port.state.order.bytes;
  for (const Fd& fd : port.ring) {
    BRIDLE_TRY(Fd copy, fd.duplicate());
    end.descriptors.push_back(std::move(copy));
  }
  return end;
}

Result<PortEnd> Ports::make(Port& port, unsigned side) {
  PortState& state = port.state;
  switch (state.order.kind) {
    case PortKind::datagram: {
      Uuid guest;
      std::memcpy(guest.bytes.data(), state.order.guest, sizeof state.order.guest);
      BRIDLE_TRY(const int qemu, find_guest_(guest, state.order.boot));
      return make_datagram(layout_, state.order, qemu);
    }
    case PortKind::tap:
      return make_tap(layout_, state.zone, state.port, state.order);
    case PortKind::af_packet:
      return make_packet(state.order);
    case PortKind::af_xdp:
      return make_xdp(state.order);
    case PortKind::nat:
      return nat_.make(state, port.why);
    case PortKind::ring:
      return share(port, side);
    case PortKind::none:
      break;
  }
  return Error(Code::internal, "a port of no kind");
}

// Makes one side's descriptors and hands them to its switch, if that runs and has them not.
Status Ports::give(Port& port, unsigned side) {
  const bool wanted = needs(port, side);
  auto end = make(port, side);
  const bool is_nat = port.state.order.kind == PortKind::nat;
  port.note = is_nat && !port.why.empty() ? PortNote::isolated : PortNote::none;
  if (!is_nat) port.why.clear();
  if (end.ok() && !end->device.empty()) port.device = end->device;
  if (wanted && end.ok()) {
    end->record.port = side == 0 ? port.state.port : port.state.order.peer_port;
    BRIDLE_CHECK(send(zone_of(port, side), *end));
  }
  const bool held = !end.ok() && end.error().code() == Code::conflict &&
                    (is_nat || port.state.order.kind == PortKind::tap);
  // A TAP that is held was given just before a jail's death: it is asked back, and given anew.
  if (held && wanted) take_back(port, side);
  if (!end.ok() && (!held || wanted)) return std::move(end).error();
  if (wanted) port.state.given[side] = processes_.at(zone_of(port, side)).id;
  BRIDLE_CRASH_POINT("port.given");
  return save(port);
}

void Ports::try_port(Port& port) {
  // Twice: a ring that is made anew for side 1 is needed by side 0, too.
  const unsigned sides = sides_of(port.state.order);
  for (unsigned turn = 0; turn < 2 * sides; ++turn) {
    const unsigned side = turn % sides;
    if (!needs(port, side)) continue;
    const Status given = give(port, side);
    if (given.ok()) {
      port.failures = 0;
      continue;
    }
    if (given.error().code() == Code::exhausted) continue;  // said again when there is room
    port.note = PortNote::waiting;
    port.why = given.error().message();
    // A guest that has ended comes back as another boot, with another order.
    const Code code = given.error().code();
    const bool ended = port.state.order.kind == PortKind::datagram &&
                       (code == Code::gone || code == Code::not_found);
    if (!ended) try_later(port);
  }
}

void Ports::try_later(Port& port) {
  const Duration delay = 50ms * (1u << std::min(++port.failures, 7u));
  loop_.cancel(port.timer);
  const Key key{port.state.zone, port.state.port};
  port.timer = loop_.after(std::min<Duration>(delay, 5s), [this, key] {
    if (const auto found = ports_.find(key); found != ports_.end()) try_port(found->second);
  });
}

void Ports::deliver(uint32_t zone) {
  for (auto& [key, port] : ports_) {
    const auto process = processes_.find(zone);
    if (process == processes_.end() || process->second.waits) return;
    const bool of_zone =
        key.first == zone || (is_ring(port.state.order) && port.state.order.peer_zone == zone);
    if (of_zone) try_port(port);
  }
}

// ---- verbs

Status Ports::open(const Request& request, Reply& reply) {
  const PortOrder order = port_order_of(request);
  const Key key{request.zone, request.port};
  if (const auto found = ports_.find(key); found != ports_.end()) {
    if (is_same(found->second.state.order, order)) {
      try_port(found->second);
      fill(found->second, reply);
      return {};
    }
    BRIDLE_CHECK(destroy(found->second));
    ports_.erase(found);
  }
  if (ports_.size() >= most_ports)
    return Error(Code::exhausted,
                 "the jail keeps " + std::to_string(most_ports) + " ports at most");
  Port& port = ports_[key];
  port.state.zone = request.zone;
  port.state.port = request.port;
  port.state.order = order;
  Status status = save(port);
  for (unsigned side = 0; status.ok() && side < sides_of(order); ++side) {
    status = give(port, side);
    if (!status.ok() && status.error().code() == Code::exhausted) status = {};
  }
  if (!status.ok()) {
    (void)destroy(port).ok();
    ports_.erase(key);
    return status;
  }
  fill(port, reply);
  return {};
}

// A switch that does not listen keeps a socket that leads nowhere.
void Ports::take_back(Port& port, unsigned side) {
  PortEnd end;
  end.record.magic = wire::port_magic;
  end.record.version = wire::port_version;
  end.record.act = wire::PortAct::take;
  end.record.kind = port.state.order.kind;
  end.record.port = side == 0 ? port.state.port : port.state.order.peer_port;
  (void)send(zone_of(port, side), end).ok();
}

// What outlives descriptors goes, and the record last: a jail that is killed here finds it, and
// bridled asks again.
Status Ports::destroy(Port& port) {
  loop_.cancel(port.timer);
  for (unsigned side = 0; side < sides_of(port.state.order); ++side) take_back(port, side);
  const PortState& state = port.state;
  if (state.order.kind == PortKind::tap) BRIDLE_CHECK(remove_tap(layout_, state.zone, state.port));
  if (state.order.kind == PortKind::nat) BRIDLE_CHECK(nat_.remove(state));
  BRIDLE_CRASH_POINT("port.destroyed");
  return remove_file(file_of(port));
}

Status Ports::close(const Request& request, Reply& reply) {
  reply.zone = request.zone;
  reply.port = request.port;
  const auto found = ports_.find({request.zone, request.port});
  if (found == ports_.end()) return {};
  BRIDLE_CHECK(destroy(found->second));
  ports_.erase(found);
  return {};
}

Status Ports::close_all(uint32_t zone) {
  for (auto it = ports_.begin(); it != ports_.end();) {
    if (it->first.first != zone) {
      ++it;
      continue;
    }
    BRIDLE_CHECK(destroy(it->second));
    it = ports_.erase(it);
  }
  return {};
}

Status Ports::forward(const Request& request, Reply& reply) {
  const auto found = ports_.find({request.zone, request.port});
  if (found == ports_.end()) return Error(Code::not_found, "no such port is open");
  Port& port = found->second;
  if (port.state.order.kind != PortKind::nat)
    return Error(Code::invalid, "only a nat port has forwards");
  port.state.forwards = forwards_of(request);
  BRIDLE_CHECK(save(port));
  Status done = nat_.forward(port.state);
  fill(port, reply);
  return done;
}

}  // namespace bridle::jail
