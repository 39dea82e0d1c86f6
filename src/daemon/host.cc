#include "daemon/host.h"

#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "fleet/guest.h"
#include "model/machine.h"
#include "model/object.h"

namespace bridle::daemon {
namespace json = boost::json;

uint32_t cgroup_version() {
  const auto v2 = read_file("/sys/fs/cgroup/cgroup.controllers", 4096);
  if (v2.ok() && v2->find("memory") != std::string::npos) return 2;
  return ::access("/sys/fs/cgroup/memory", F_OK) == 0 ? 1 : 0;
}

std::vector<std::string> cgroup_notes(uint32_t version) {
  if (version == 2) return {};
  if (version == 0) return {"no cgroups: limits and shares are not enforced"};
  return {
      "a memory reservation is kept by admission only: under pressure the kernel may take pages "
      "of a guest that is within it",
      "disk shares are not available; disk limits are enforced by QEMU, not by the kernel",
      "page cache that a guest causes is charged to whoever touched the page first",
  };
}

namespace {

std::string kernel_release() {
  utsname name{};
  ::uname(&name);
  return name.release;
}

}  // namespace

Status HostObject::create(const std::string& name) {
  model::Object host;
  host.kind = model::Kind::host;
  host.metadata.name = name;
  host.metadata.uid = Uuid::random(random_);
  host.metadata.owner = "bridle";
  host.metadata.generation = 1;
  host.metadata.created = clock_.wall();
  host.spec = model::to_json(model::HostSpec{});
  const std::string key = model::spec_key(model::Kind::host, "", name);
  const auto made =
      store_.commit({{store::Write::Kind::put, key, model::encode_spec(host), Revision{0}}},
                    store::Durability::full);
  if (!made.ok()) return Error(made.error().code(), made.error().message());
  return {};
}

Status HostObject::let_run(const std::string& name, const store::Entry& entry) {
  BRIDLE_TRY(model::Object host, model::decode_spec(model::Kind::host, entry.value));
  BRIDLE_TRY(model::HostSpec spec, model::host_spec(host.spec));
  if (spec.guests != model::HostGuests::shutdown) return {};
  log::info("the shutdown is over: machines that are wanted on start");
  spec.guests = model::HostGuests::run;
  host.spec = model::to_json(spec);
  ++host.metadata.generation;
  const auto done =
      store_.commit({{store::Write::Kind::put, model::spec_key(model::Kind::host, "", name),
                      model::encode_spec(host), entry.modified}},
                    store::Durability::full);
  if (!done.ok()) return Error(done.error().code(), done.error().message());
  return {};
}

Status HostObject::begin(const std::string& name, std::string start) {
  start_ = std::move(start);
  BRIDLE_TRY(const auto spec, store_.get(model::spec_key(model::Kind::host, "", name)));
  BRIDLE_TRY(const auto stored, store_.get(model::status_key(model::Kind::host, "", name)));
  if (!spec.has_value()) return {};
  std::string before;
  boost::system::error_code wrong;
  if (stored.has_value())
    if (const auto text = json::parse(stored->value, wrong); !wrong && text.is_object())
      if (const auto status = model::host_status(text.get_object()); status.ok())
        before = status->start;
  return before == start_ ? Status() : let_run(name, *spec);
}

model::HostAmounts HostObject::reserved(const std::string& name) {
  const auto entry = store_.get(model::spec_key(model::Kind::host, "", name));
  if (!entry.ok() || !entry->has_value()) return {};
  const auto object = model::decode_spec(model::Kind::host, (*entry)->value);
  if (!object.ok()) return {};
  const auto spec = model::host_spec(object->spec);
  return spec.ok() ? spec->reserved : model::HostAmounts{};
}

model::HostStatus HostObject::status(const Facts& facts) {
  model::HostStatus status;
  status.capacity = {facts.host.cpu_millicores, facts.host.memory_bytes};
  status.engine = facts.host.engine;
  status.engine_reason = facts.engine_reason;
  status.qemu_version = facts.qemu_version;
  status.api = facts.api;
  status.kernel = kernel_release();
  status.running = static_cast<uint32_t>(runner_.controller().living());
  status.guests = model::name(runner_.controller().host_guests());
  status.start = start_;
  status.cgroup_version = cgroup_version();
  status.cgroup_notes = cgroup_notes(status.cgroup_version);
  const fleet::Promised& promised = runner_.controller().promised();
  status.machines = promised.machines;
  status.allocated = {promised.cpu, promised.memory + promised.wanted * facts.host.guest_overhead};
  return status;
}

Status HostObject::refresh(const Facts& facts) {
  BRIDLE_TRY(const auto entry, store_.get(model::spec_key(model::Kind::host, "", facts.host.name)));
  if (!entry.has_value()) BRIDLE_CHECK(create(facts.host.name));
  model::HostStatus now = status(facts);
  const std::string text = json::serialize(model::to_json(now));
  if (text == written_) return {};
  now.seen = clock_.wall();
  const auto done = store_.commit(
      {{store::Write::Kind::put, model::status_key(model::Kind::host, "", facts.host.name),
        json::serialize(model::to_json(now))}},
      store::Durability::lazy);
  if (!done.ok()) return Error(done.error().code(), done.error().message());
  written_ = text;
  return {};
}

}  // namespace bridle::daemon
