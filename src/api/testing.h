// For the tests of this room: a Backend with a MemoryStore, the Api over it, and one call to ask
// it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/api.h"
#include "api/authority.h"
#include "api/refusals.h"
#include "store/memory_store.h"

namespace bridle::api::testing {

// A store that counts what is read of it.
class CountedStore final : public store::Store {
 public:
  Result<std::optional<store::Entry>> get(std::string_view key) override {
    ++reads;
    return inner_.get(key);
  }
  Result<store::Listing> list(std::string_view prefix, std::string_view after,
                              size_t limit) override {
    auto listing = inner_.list(prefix, after, limit);
    reads += 1 + (listing.ok() ? listing->entries.size() : 0);
    return listing;
  }
  Result<Revision> commit(const std::vector<store::Write>& writes,
                          store::Durability durability) override {
    return inner_.commit(writes, durability);
  }
  Status flush() override { return inner_.flush(); }
  Revision revision() override { return inner_.revision(); }
  Result<std::vector<store::Change>> changes(std::string_view prefix, Revision since,
                                             size_t limit) override {
    ++reads;
    return inner_.changes(prefix, since, limit);
  }
  Revision oldest() override { return inner_.oldest(); }
  Status compact(Revision upto) override { return inner_.compact(upto); }
  void subscribe(std::function<void(Revision)> doorbell) override {
    inner_.subscribe(std::move(doorbell));
  }
  Result<store::LeaseId> grant(Duration ttl, Tick now) override { return inner_.grant(ttl, now); }
  Status keep_alive(store::LeaseId lease, Tick now) override {
    return inner_.keep_alive(lease, now);
  }
  Status revoke(store::LeaseId lease) override { return inner_.revoke(lease); }
  Status expire(Tick now) override { return inner_.expire(now); }
  Status copy_to(const std::string& path) override { return inner_.copy_to(path); }

  size_t reads = 0;

 private:
  store::MemoryStore inner_;
};

// Carries out mutations at once, unless told to hold them back. Remembers what was asked of it.
class FakeBackend final : public Backend {
 public:
  store::Store& store() override { return store_; }
  size_t reads() const { return store_.reads; }
  Tick now() override { return tick; }
  WallTime wall() override { return wall_time; }
  Random& random() override { return random_; }
  Authority& authority() override { return authority_; }
  void perform(Act act, std::function<Status()> work,
               std::function<void(const Status&)> done) override {
    acts.push_back(std::move(act));
    done(work());
  }
  void refused(const Refusal& refusal) override { refusals.push_back(refusal); }
  Uuid new_uuid() override {
    Uuid uuid;
    ++uuids_;
    for (size_t i = 0; i < 8; ++i) uuid.bytes[i] = static_cast<uint8_t>(uuids_ >> (56 - 8 * i));
    return uuid;
  }
  void mutate(Mutation mutation, Done<Revision> done) override {
    acts.push_back(mutation.act);
    if (before_commit) std::exchange(before_commit, {})();
    if (mutation_error) return done(*std::exchange(mutation_error, {}));
    done(commit(store_, mutation));
  }
  Status admit(const model::Object& wanted, const model::Object*) override {
    if (admission_error) return *admission_error;
    return admission ? admission(wanted) : Status();
  }
  void open_console(Act act, const model::Object&, uint32_t scrollback, Done<Fd> done) override {
    acts.push_back(act);
    scrollback_asked = scrollback;
    if (console) return done(std::move(console));
    done(Error(Code::conflict, "the machine is not running"));
  }
  void open_display(Act act, const model::Object&, Done<Fd> done) override {
    acts.push_back(act);
    if (display) return done(std::move(display));
    done(Error(Code::conflict, "QEMU shows no screen"));
  }
  void take_screen(Act act, const model::Object&, Done<std::string> done) override {
    acts.push_back(act);
    if (picture.empty()) return done(Error(Code::conflict, "QEMU shows no screen"));
    done(picture);
  }
  void open_upload(Act act, const model::Object&, Done<Fd> done) override {
    acts.push_back(act);
    if (upload) return done(std::move(upload));
    done(Error(Code::conflict, "no import waits for a file"));
  }
  void open_export(Act act, const model::Object&, const std::string&, Done<Fd> done) override {
    acts.push_back(act);
    if (download) return done(std::move(download));
    done(Error(Code::conflict, "a guest has the volume open"));
  }
  void call_agent(Act act, const model::Object&, json::object request,
                  Done<json::object> done) override {
    acts.push_back(act);
    done(json::object{{"ok", true}, {"asked", request["do"]}});
  }
  void doctor(Done<json::object> done) override { done(json::object{{"checks", json::array()}}); }
  UsageReport usage() override { return usage_report; }
  void write_metrics(MetricText& out) override {
    out.one("bridle_store_revision", "gauge", "Of the store.", 7);
  }
  void snapshot(Act act, Done<json::object> done) override {
    acts.push_back(act);
    done(json::object{{"revision", 1}, {"bytes", 4096}});
  }
  Result<LedgerPage> ledger(uint64_t after, size_t limit) override {
    LedgerPage page;
    for (uint64_t seq = after + 1; seq <= acts.size() && page.entries.size() < limit; ++seq) {
      page.entries.push_back(json::object{{"seq", seq}, {"verb", acts[seq - 1].verb}});
      page.last = seq;
    }
    page.more = page.last < acts.size();
    return page;
  }
  Result<std::string> ledger_key() override { return std::string("-----BEGIN PUBLIC KEY-----\n"); }
  json::object version() override { return {{"engine", "tcg"}}; }

  Tick tick{1'000'000'000};
  WallTime wall_time{1'700'000'000'000'000'000};
  std::vector<Refusal> refusals;
  std::vector<Act> acts;
  std::optional<Error> mutation_error, admission_error;
  std::function<Status(const model::Object&)> admission;
  std::function<void()> before_commit;  // once: another writer comes first
  Fd console, upload, display, download;
  std::string picture;
  uint32_t scrollback_asked = 0;
  UsageReport usage_report;

 private:
  CountedStore store_;
  SeededRandom random_{1};
  Authority authority_{"alpha", [](const AuthorityKeys&) { return Status(); }};
  uint64_t uuids_ = 0;
};

struct Reply {
  int status = 0;
  json::value body;
  Response response;
};

class World {
 public:
  static constexpr uid_t own_uid = 900;
  inline static const Caller root{0, 0, {}};

  World() : api(backend, own_uid) {}

  // Puts an object into the store as if it had been there always.
  void have(model::Kind kind, std::string_view project, std::string_view name,
            const std::string& spec, const std::string& status = {}) {
    model::Object object;
    object.kind = kind;
    object.metadata.name = name;
    object.metadata.project = project;
    object.metadata.uid = backend.new_uuid();
    object.metadata.owner = "ann";
    object.metadata.generation = 1;
    object.spec = json::parse(spec).as_object();
    commit(model::spec_key(kind, project, name), model::encode_spec(object));
    if (!status.empty()) commit(model::status_key(kind, project, name), status);
  }
  void have_role(std::string_view name, std::string_view role, uid_t uid, std::string_view projects,
                 bool raw = false) {
    have(model::Kind::role, {}, name,
         R"({"role":")" + std::string(role) + R"(","subjects":[{"uid":)" + std::to_string(uid) +
             R"(}],"projects":)" + std::string(projects) + R"(,"rawAllowed":)" +
             (raw ? "true" : "false") + "}");
  }
  void commit(std::string key, std::optional<std::string> value) {
    store::Write write;
    write.kind = value ? store::Write::Kind::put : store::Write::Kind::remove;
    write.key = std::move(key);
    if (value) write.value = *value;
    const auto done = backend.store().commit({write}, store::Durability::full);
    if (!done.ok()) std::abort();
  }

  Answer ask_raw(const Caller& caller, std::string_view method, std::string_view target,
                 std::string body = {}, Fields headers = {}) {
    Request request;
    request.method = method;
    request.path = target.substr(0, target.find('?'));
    if (target.find('?') != std::string_view::npos)
      request.query = target.substr(target.find('?') + 1);
    request.headers = std::move(headers);
    request.body = std::move(body);
    std::optional<Answer> got;
    api.handle(std::move(request), caller, "r-1", [&](Answer answer) { got = std::move(answer); });
    if (!got) std::abort();  // every handler answers at once over this backend
    return std::move(*got);
  }
  Reply ask(const Caller& caller, std::string_view method, std::string_view target,
            std::string body = {}, Fields headers = {}) {
    Answer answer = ask_raw(caller, method, target, std::move(body), std::move(headers));
    Reply reply;
    if (std::holds_alternative<Tunnel>(answer)) reply.status = 101;
    if (std::holds_alternative<EventStream>(answer)) reply.status = 200;
    if (auto* response = std::get_if<Response>(&answer)) {
      reply.status = response->status;
      if (response->content_type == "application/json") reply.body = json::parse(response->body);
      reply.response = std::move(*response);
    }
    return reply;
  }

  FakeBackend backend;
  Api api;
};

// "error.code" and such; null where there is nothing.
inline json::value at(const json::value& value, std::string_view path) {
  const json::value* here = &value;
  while (!path.empty()) {
    const std::string_view key = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(key.size() + 1, path.size()));
    here = here->is_object() ? here->get_object().if_contains(key) : nullptr;
    if (here == nullptr) return nullptr;
  }
  return *here;
}
inline std::string text(const json::value& value, std::string_view path) {
  const json::value found = at(value, path);
  return found.is_string() ? std::string(found.get_string()) : json::serialize(found);
}

}  // namespace bridle::api::testing
