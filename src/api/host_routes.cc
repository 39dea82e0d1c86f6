// What the host can do (doctor) and what it spends (usage).
#include "api/api.h"
#include "api/routes.h"

namespace bridle::api {

namespace {

void show_doctor(ExchangePtr exchange) {
  exchange->backend.doctor([exchange](Result<json::object> report) {
    if (!report.ok()) return exchange->fail(report.error());
    exchange->answer(200, *report);
  });
}

json::object row(const MachineUsage& machine) {
  const model::Usage& usage = machine.usage;
  return {{"project", machine.project},
          {"name", machine.name},
          {"uid", machine.uid.text()},
          {"vcpuNs", usage.vcpu_ns},
          {"emulatorNs", usage.emulator_ns},
          {"bridleNs", usage.bridle_ns},
          {"memoryBytes", usage.memory_bytes},
          {"readBytes", usage.read_bytes},
          {"writeBytes", usage.write_bytes},
          {"balloonBytes", usage.balloon_bytes},
          {"guestTotalBytes", usage.guest_total},
          {"guestFreeBytes", usage.guest_free},
          {"guestAvailableBytes", usage.guest_available}};
}

void show_usage(ExchangePtr exchange) {
  UsageReport report = exchange->backend.usage();
  json::array machines;
  for (const MachineUsage& machine : report.machines)
    if (exchange->access.sees(model::Kind::machine, machine.project))
      machines.push_back(row(machine));
  json::object body;
  body["at"] = exchange->backend.wall().text();
  body["machines"] = std::move(machines);
  if (exchange->access.may(Right::inspect, {})) body["processes"] = std::move(report.processes);
  exchange->answer(200, body);
}

void make_snapshot(ExchangePtr exchange) {
  Act act;
  act.actor = exchange->access.actor(Right::govern, {});
  act.verb = "backup";
  act.object = "store";
  act.reason = exchange->request.header("x-bridle-reason");
  act.request_id = exchange->request_id;
  exchange->backend.snapshot(std::move(act), [exchange](Result<json::object> made) {
    if (!made.ok()) return exchange->fail(made.error());
    exchange->answer(201, *made);
  });
}

Route snapshot_route() {
  Route route;
  route.method = "POST";
  route.pattern = "/api/v1/snapshot";
  route.right = Right::govern;
  route.scope = Scope::host;
  route.handler = make_snapshot;
  route.id = "makeSnapshot";
  route.summary = "Writes a consistent copy of the store below the root, for bridle backup";
  route.statuses = {201};
  return route;
}

}  // namespace

std::vector<Route> host_routes() {
  Route doctor;
  doctor.method = "GET";
  doctor.pattern = "/api/v1/doctor";
  doctor.right = Right::inspect;
  doctor.scope = Scope::host;
  doctor.handler = show_doctor;
  doctor.id = "getDoctor";
  doctor.summary = "What this host can do, and what would fix the rest";
  doctor.answer_schema = "DoctorReport";
  Route usage;
  usage.method = "GET";
  usage.pattern = "/api/v1/usage";
  usage.right = Right::read;
  usage.scope = Scope::filtered;
  usage.handler = show_usage;
  usage.id = "getUsage";
  usage.summary = "What each machine that the caller may see uses, and Bridle's own processes";
  usage.answer_schema = "UsageReport";
  return {doctor, usage, snapshot_route()};
}

}  // namespace bridle::api
