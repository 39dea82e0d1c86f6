// The status of a switch as JSON, both ways: one table of counters for all.
#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "switch/control.h"

namespace bridle::net {
namespace {

constexpr std::array<std::string_view, 5> states = {"connected", "waiting", "no-descriptor",
                                                    "link-down", "failed"};

struct TotalsField {
  const char* name;
  uint64_t PortTotals::*place;
};
constexpr TotalsField totals_fields[] = {
    {"received", &PortTotals::received},
    {"received_bytes", &PortTotals::received_bytes},
    {"made", &PortTotals::made},
    {"delivered", &PortTotals::delivered},
    {"delivered_bytes", &PortTotals::delivered_bytes},
    {"consumed", &PortTotals::consumed},
    {"cycles", &PortTotals::cycles},
    {"queued", &PortTotals::queued},
    {"sent", &PortTotals::sent},
    {"sent_bytes", &PortTotals::sent_bytes},
    {"unicast_in", &PortTotals::unicast_in},
    {"multicast_in", &PortTotals::multicast_in},
    {"broadcast_in", &PortTotals::broadcast_in},
    {"unicast_out", &PortTotals::unicast_out},
    {"multicast_out", &PortTotals::multicast_out},
    {"broadcast_out", &PortTotals::broadcast_out},
    {"mirrored", &PortTotals::mirrored},
};

using Reasons = std::array<uint64_t, drop_count>;

json::object reasons_to_json(const Reasons& counts) {
  json::object object;
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i] != 0) object[name(static_cast<Drop>(i))] = counts[i];
  return object;
}

json::object totals_to_json(const PortTotals& totals) {
  json::object object;
  for (const TotalsField& field : totals_fields) object[field.name] = totals.*field.place;
  object["dropped"] = reasons_to_json(totals.dropped);
  object["refused"] = reasons_to_json(totals.refused);
  return object;
}

json::object port_to_json(const PortStatus& port) {
  json::object object;
  object["id"] = port.id;
  object["name"] = port.name;
  object["driver"] = port.driver;
  object["up"] = port.state == PortState::connected;
  object["state"] = name(port.state);
  object["why"] = port.why;
  object["learned"] = port.learned;
  object["malformed"] = port.counters.malformed;
  object["starved"] = port.counters.starved;
  object["reconnects"] = port.counters.reconnects;
  object["totals"] = totals_to_json(port.totals);
  return object;
}

json::object worker_to_json(const WorkerStatus& worker) {
  return {{"turns", worker.turns},
          {"sleeps", worker.sleeps},
          {"busy_ns", worker.busy_ns},
          {"interrupted", worker.interrupted},
          {"frames_free", worker.frames_free},
          {"frames_total", worker.frames_total}};
}

// Members that are missing or of another kind are what a newer or older switch has not: zero,
// empty.
uint64_t number_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return 0;
  boost::system::error_code failed;
  const auto number = value->to_number<uint64_t>(failed);
  return failed ? 0 : number;
}
std::string text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}
const json::object& object_of(const json::object& object, std::string_view key) {
  static const json::object empty;
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_object() ? value->as_object() : empty;
}
const json::array& array_of(const json::object& object, std::string_view key) {
  static const json::array empty;
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_array() ? value->as_array() : empty;
}

void read_reasons(const json::object& object, Reasons& counts) {
  for (const auto& [key, value] : object)
    if (const auto drop = drop_from_name(key))
      counts[static_cast<size_t>(*drop)] = number_of(object, key);
}

PortTotals totals_from(const json::object& object) {
  PortTotals totals;
  for (const TotalsField& field : totals_fields)
    totals.*field.place = number_of(object, field.name);
  read_reasons(object_of(object, "dropped"), totals.dropped);
  read_reasons(object_of(object, "refused"), totals.refused);
  return totals;
}

PortStatus port_from(const json::object& object) {
  PortStatus port;
  port.id = static_cast<uint32_t>(number_of(object, "id"));
  port.name = text_of(object, "name");
  port.driver = text_of(object, "driver");
  port.state = port_state_from(text_of(object, "state")).value_or(PortState::failed);
  port.why = text_of(object, "why");
  port.learned = static_cast<uint32_t>(number_of(object, "learned"));
  port.counters = {number_of(object, "malformed"), number_of(object, "starved"),
                   number_of(object, "reconnects")};
  port.totals = totals_from(object_of(object, "totals"));
  return port;
}

WorkerStatus worker_from(const json::object& object) {
  return {number_of(object, "turns"),       number_of(object, "sleeps"),
          number_of(object, "busy_ns"),     number_of(object, "interrupted"),
          number_of(object, "frames_free"), number_of(object, "frames_total")};
}

}  // namespace

std::string_view name(PortState state) { return states[static_cast<size_t>(state)]; }

std::optional<PortState> port_state_from(std::string_view name) {
  const auto* found = std::find(states.begin(), states.end(), name);
  if (found == states.end()) return std::nullopt;
  return static_cast<PortState>(found - states.begin());
}

json::object to_json(const SwitchStatus& status) {
  json::array ports, workers;
  for (const PortStatus& port : status.ports) ports.push_back(port_to_json(port));
  for (const WorkerStatus& worker : status.workers) workers.push_back(worker_to_json(worker));
  return {{"zone", status.zone},
          {"version", status.version},
          {"generation", status.generation},
          {"pid", status.pid},
          {"cycles_per_second", status.cycles_per_second},
          {"conservation", status.conservation},
          {"ports", std::move(ports)},
          {"nobody", totals_to_json(status.nobody)},
          {"workers", std::move(workers)}};
}

Result<SwitchStatus> switch_status_from(const json::object& body) {
  if (!body.contains("generation") || !body.contains("ports"))
    return Error(Code::corrupt, "this is no status of a switch");
  SwitchStatus status;
  status.zone = text_of(body, "zone");
  status.version = text_of(body, "version");
  status.generation = number_of(body, "generation");
  status.pid = static_cast<uint32_t>(number_of(body, "pid"));
  status.cycles_per_second = number_of(body, "cycles_per_second");
  status.conservation = text_of(body, "conservation");
  status.nobody = totals_from(object_of(body, "nobody"));
  for (const json::value& port : array_of(body, "ports"))
    if (port.is_object()) status.ports.push_back(port_from(port.as_object()));
  for (const json::value& worker : array_of(body, "workers"))
    if (worker.is_object()) status.workers.push_back(worker_from(worker.as_object()));
  return status;
}

}  // namespace bridle::net
