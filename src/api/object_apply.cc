// PUT of an object: create it, or make it what the body says.
//
//   body -> kind, project, name as in the URL -> schema (defaults, normal form)
//        -> against what is stored: identity, resourceVersion, immutable fields
//        -> spec.raw, a foreign zone and a Binding need their rights -> admission, quota
//        -> commit, expecting the revision read; the quota is judged again right before it
//
// status, and metadata that is Bridle's (uid, generation, created, deleting, finalizers), are taken
// from what is stored, whatever the body says. An apply that changes nothing writes nothing.
#include "api/api.h"
#include "api/routes.h"
#include "api/tenancy.h"
#include "model/machine.h"
#include "model/schema.h"

namespace bridle::api {

namespace {

struct Change {
  model::Object wanted;
  std::optional<Stored> current;
};

Result<model::Object> decode_body(const Exchange& exchange) {
  const model::KindInfo& kind = model::info(*exchange.route.kind);
  BRIDLE_TRY(json::value document, body_json(exchange.request));
  model::set_default(document, "name", exchange.name);
  if (kind.has_project) model::set_default(document, "project", exchange.project);
  BRIDLE_TRY(model::Object object, model::from_json(document));
  if (object.kind != kind.kind)
    return Error(Code::invalid, "kind: expected " + std::string(kind.name) +
                                    ", as the URL says, found " +
                                    std::string(model::info(object.kind).name));
  if (object.metadata.name != exchange.name)
    return Error(Code::invalid, "metadata.name: expected " + exchange.name + ", as the URL says");
  if (kind.has_project && object.metadata.project != exchange.project)
    return Error(Code::invalid,
                 "metadata.project: expected " + exchange.project + ", as the URL says");
  return object;
}

Status check_identity(const model::Metadata& wanted, const std::optional<Stored>& current) {
  if (!current) {
    if (wanted.revision == 0) return {};
    return Error(Code::conflict,
                 "metadata.resourceVersion: the object was deleted since it was read; leave the "
                 "resourceVersion out to create it anew");
  }
  const model::Metadata& stored = current->object.metadata;
  if (!wanted.uid.is_nil() && wanted.uid != stored.uid)
    return Error(Code::conflict,
                 "metadata.uid: this name belongs to another object now, " + stored.uid.text());
  // A newer status does not matter: what is about to be replaced is the spec.
  if (wanted.revision != 0 && wanted.revision < current->spec_revision)
    return Error(Code::conflict,
                 "metadata.resourceVersion: the object changed since it was read (" +
                     std::to_string(wanted.revision) + ", now " + std::to_string(stored.revision) +
                     "); read it again");
  if (stored.deleting)
    return Error(Code::conflict,
                 model::ref(current->object) + " is being deleted; wait until it is gone");
  return {};
}

void take_over(Change& change, Backend& backend) {
  model::Metadata& wanted = change.wanted.metadata;
  if (!change.current) {
    wanted.uid = backend.new_uuid();
    wanted.generation = 1;
    wanted.created = backend.wall();
    wanted.deleting.reset();
    wanted.finalizers.clear();
    wanted.revision = 0;
    change.wanted.status.clear();
    return;
  }
  const model::Object& stored = change.current->object;
  model::keep_write_only(change.wanted, stored);
  wanted.uid = stored.metadata.uid;
  wanted.created = stored.metadata.created;
  wanted.deleting = stored.metadata.deleting;
  wanted.finalizers = stored.metadata.finalizers;
  wanted.revision = stored.metadata.revision;
  wanted.generation = stored.metadata.generation + (change.wanted.spec == stored.spec ? 0 : 1);
  change.wanted.status = stored.status;
}

bool same(const model::Object& a, const model::Object& b) {
  return a.spec == b.spec && a.metadata.owner == b.metadata.owner &&
         a.metadata.labels == b.metadata.labels;
}

// The escape hatch: a change of spec.raw needs its own right; leaving it as it is does not.
Status check_raw(const Exchange& exchange, const Change& change) {
  if (change.wanted.kind != model::Kind::machine) return {};
  const json::value* wanted = change.wanted.spec.if_contains("raw");
  const json::value* stored =
      change.current ? change.current->object.spec.if_contains("raw") : nullptr;
  if (stored != nullptr && wanted != nullptr && *stored == *wanted) return {};
  BRIDLE_TRY(const model::MachineSpec spec, model::machine_spec(change.wanted.spec));
  if (spec.raw.empty() || exchange.access.raw_allowed(exchange.project)) return {};
  return Error(Code::unauthorized,
               "spec.raw: needs a Role with rawAllowed: true in project " + exchange.project);
}

// Guests of one zone may share pages and cores: nobody joins the zone of another project by
// himself.
Status check_zone(const Exchange& exchange, const Change& change) {
  if (change.wanted.kind != model::Kind::machine) return {};
  BRIDLE_TRY(const model::MachineSpec spec, model::machine_spec(change.wanted.spec));
  if (spec.zone.empty() || spec.zone == exchange.project) return {};
  if (change.current) {
    BRIDLE_TRY(const model::MachineSpec stored, model::machine_spec(change.current->object.spec));
    if (stored.zone == spec.zone) return {};
  }
  if (exchange.access.may(Right::govern, {})) return {};
  return Error(Code::unauthorized,
               "spec.zone: a zone other than the project's own needs an admin of the host");
}

// Neither what a Binding gave until now nor what it shall give may be more than its writer has.
Status check_gift(const Exchange& exchange, const Change& change) {
  const model::Object& wanted = change.wanted;
  if (wanted.kind != model::Kind::role && wanted.kind != model::Kind::project &&
      wanted.kind != model::Kind::binding)
    return {};
  BRIDLE_TRY(const RoleRule rule, role_rule(wanted));
  if (wanted.kind != model::Kind::binding) return {};
  if (change.current) BRIDLE_CHECK(check_grantable(exchange, change.current->object));
  return exchange.access.may_grant(rule.grant.role, rule.grant.raw_allowed, exchange.project);
}

Result<Change> prepare(const Exchange& exchange) {
  Change change;
  BRIDLE_TRY(change.wanted, decode_body(exchange));
  BRIDLE_TRY(change.current, find_object(exchange.backend.store(), change.wanted.kind,
                                         exchange.project, exchange.name));
  BRIDLE_CHECK(check_identity(change.wanted.metadata, change.current));
  take_over(change, exchange.backend);
  if (change.current) {
    const auto moved = model::immutable_changes(change.current->object, change.wanted);
    if (!moved.empty()) return moved.error();
  }
  BRIDLE_CHECK(check_raw(exchange, change));
  BRIDLE_CHECK(check_zone(exchange, change));
  BRIDLE_CHECK(check_gift(exchange, change));
  const model::Object* current = change.current ? &change.current->object : nullptr;
  BRIDLE_CHECK(exchange.backend.admit(change.wanted, current));
  BRIDLE_CHECK(reserve_quota(exchange.backend.store(), change.wanted, current));
  return change;
}

}  // namespace

Status check_grantable(const Exchange& exchange, const model::Object& object) {
  if (object.kind != model::Kind::binding) return {};
  BRIDLE_TRY(const RoleRule rule, role_rule(object));
  return exchange.access.may_grant(rule.grant.role, rule.grant.raw_allowed, exchange.project);
}

void apply_object(ExchangePtr exchange) {
  const auto dry = exchange->flag("dryRun");
  if (!dry.ok()) return exchange->fail(dry.error());
  const auto change = prepare(*exchange);
  if (!change.ok()) return exchange->fail(change.error());
  const bool creates = !change->current.has_value();
  const int status = creates ? 201 : 200;
  if (*dry || (!creates && same(change->wanted, change->current->object)))
    return exchange->answer(*dry ? status : 200, shown(change->wanted));
  Mutation mutation;
  mutation.act = act_on(*exchange, creates ? "create" : "update", change->wanted);
  mutation.writes = {put_spec(change->wanted, creates ? 0 : change->current->spec_revision)};
  mutation.reserve = [exchange, change = *change] {
    return reserve_quota(exchange->backend.store(), change.wanted,
                         change.current ? &change.current->object : nullptr);
  };
  mutate_and_answer(exchange, std::move(mutation), change->wanted.kind, exchange->project,
                    exchange->name, status);
}

}  // namespace bridle::api
