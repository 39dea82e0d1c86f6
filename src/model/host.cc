#include "model/host.h"

#include "model/quantity.h"
#include "model/reader.h"
#include "model/words.h"
#include "model/writer.h"

namespace bridle::model {
namespace {

void read_amounts(Reader& read, std::string_view key, HostAmounts& out) {
  read.object(key, [&](Reader& item) {
    item.cores("cpus", out.cpus);
    item.bytes("memory", out.memory);
  });
}

json::object amounts(const HostAmounts& amounts) {
  return {{"cpus", cores_text(amounts.cpus)}, {"memory", bytes_text(amounts.memory)}};
}

json::array array_of(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

json::object to_json(const HostApiStatus& api) {
  json::object out;
  put(out, "listening", api.listening);
  put(out, "fingerprint", api.fingerprint);
  put(out, "expires", api.expires);
  put(out, "message", api.message);
  return out;
}

}  // namespace

Result<HostSpec> host_spec(const json::object& object) {
  HostSpec spec;
  Reader read(object, "spec");
  read.choice("guests", words::host_guests, spec.guests);
  read_amounts(read, "reserved", spec.reserved);
  read.object("api", [&](Reader& api) {
    api.texts("listen", spec.api.listen);
    api.texts("names", spec.api.names);
    api.number("requestsPerSecond", spec.api.requests_per_second);
    api.number("connectionsPerPeer", spec.api.connections_per_peer);
  });
  BRIDLE_CHECK(read.status());
  return spec;
}

std::string_view name(HostGuests guests) { return words::host_guests[static_cast<size_t>(guests)]; }

json::object to_json(const HostSpec& spec) {
  return {{"guests", name(spec.guests)},
          {"reserved", amounts(spec.reserved)},
          {"api",
           {{"listen", array_of(spec.api.listen)},
            {"names", array_of(spec.api.names)},
            {"requestsPerSecond", spec.api.requests_per_second},
            {"connectionsPerPeer", spec.api.connections_per_peer}}}};
}

Result<HostStatus> host_status(const json::object& object) {
  HostStatus status;
  Reader read(object, "status");
  read_amounts(read, "capacity", status.capacity);
  read_amounts(read, "allocated", status.allocated);
  read.text("engine", status.engine);
  read.text("engineReason", status.engine_reason);
  read.text("qemuVersion", status.qemu_version);
  read.text("kernel", status.kernel);
  read.number("cgroupVersion", status.cgroup_version);
  read.texts("cgroupNotes", status.cgroup_notes);
  read.number("machines", status.machines);
  read.number("running", status.running);
  read.text("guests", status.guests);
  read.text("start", status.start);
  read.time("seen", status.seen);
  read.object("api", [&](Reader& api) {
    api.texts("listening", status.api.listening);
    api.text("fingerprint", status.api.fingerprint);
    api.time("expires", status.api.expires);
    api.text("message", status.api.message);
  });
  BRIDLE_CHECK(read.status());
  return status;
}

json::object to_json(const HostStatus& status) {
  json::object out{{"capacity", amounts(status.capacity)},
                   {"allocated", amounts(status.allocated)}};
  put(out, "engine", status.engine);
  put(out, "engineReason", status.engine_reason);
  put(out, "qemuVersion", status.qemu_version);
  put(out, "kernel", status.kernel);
  put(out, "cgroupVersion", status.cgroup_version);
  put(out, "cgroupNotes", status.cgroup_notes);
  put(out, "machines", status.machines);
  out["running"] = status.running;
  put(out, "guests", status.guests);
  put(out, "start", status.start);
  put(out, "seen", status.seen);
  put(out, "api", to_json(status.api));
  return out;
}

}  // namespace bridle::model
