// Hostile input, made from the schema: every field of every kind that users may write x a table of
// classes. Each answer is a clear error or a right acceptance: what was accepted is shown by GET,
// applied again it changes nothing, and its typed view reads. Never a 500.
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <set>

#include "api/testing.h"
#include "fleet/admission.h"
#include "model/image.h"
#include "model/machine.h"
#include "model/project.h"
#include "model/role.h"
#include "model/schema.h"
#include "model/secret.h"
#include "model/utf8.h"
#include "model/yaml.h"

namespace bridle::api {
namespace {

using model::Field;
using model::Type;
using testing::Reply;
using testing::World;

constexpr std::string_view placeholder = "\"@@hostile@@\"";

// What must become of it. open: the schema decides, both are right if they are consistent.
enum class Fate { open, refused };

struct Hostile {
  std::string what;
  std::string raw;  // JSON text, or bytes that are none
  Fate fate = Fate::open;
};

bool takes(Type type, std::string_view json_type) {
  if (json_type == "null") return true;  // as if it were not there
  if (json_type == "number")
    return type == Type::integer || type == Type::bytes || type == Type::cores;
  if (json_type == "text")
    return type == Type::text || type == Type::bytes || type == Type::cores ||
           type == Type::duration;
  if (json_type == "flag") return type == Type::boolean;
  if (json_type == "object") return type == Type::object || type == Type::map;
  return json_type == "list" && type == Type::list;
}

void add_wrong_types(const Field& field, std::vector<Hostile>& out) {
  const std::pair<const char*, const char*> values[] = {
      {"null", "null"},         {"flag", "true"},       {"number", "7"},   {"text", "\"seven\""},
      {"object", R"({"a":1})"}, {"list", "[1,[2],{}]"}, {"list", "[null]"}};
  for (const auto& [type, raw] : values)
    out.push_back(
        {std::string("type ") + type, raw, takes(field.type, type) ? Fate::open : Fate::refused});
}

void add_numbers(const Field& field, std::vector<Hostile>& out) {
  const bool counts = field.type == Type::integer;
  for (const char* raw : {"-1", "-9223372036854775808", "-1e308", "\"-1\"", "\"-1GiB\""})
    out.push_back(
        {"negative", raw, field.type == Type::text && raw[0] == '"' ? Fate::open : Fate::refused});
  for (const char* raw : {"18446744073709551616", "1e400", "1e308"})
    out.push_back({"huge", raw, Fate::refused});
  for (const char* raw : {"18446744073709551615", "9223372036854775807", "4294967296",
                          "\"99999999999999999999TiB\"", "\"18446744073709551615\""})
    out.push_back({"large", raw});
  for (const char* raw : {"0.5", "1e-400", "-0.0", "1.0"})
    out.push_back({"fraction", raw, counts && raw[0] == '0' ? Fate::refused : Fate::open});
  for (const char* raw : {"NaN", "Infinity", "0x10", "01", "+1"})
    out.push_back({"no JSON", raw, Fate::refused});
}

void add_texts(const Field& field, std::vector<Hostile>& out) {
  const bool words = field.format != nullptr || !field.choices.empty() || field.type != Type::text;
  const Fate strict = words ? Fate::refused : Fate::open;
  for (const char* raw :
       {R"("../../../../etc/shadow")", R"("/etc/passwd")", R"("..")", R"("a/../b/c/d")",
        R"("%2e%2e%2fetc")", R"("file:///etc/passwd")", R"("..\\..\\windows")"})
    out.push_back({"traversal", raw, strict});
  for (const char* raw :
       {R"("a\u0000b")", R"("a\u001b[2Jb")", R"("a\r\nX-Admin: 1")", R"("\u007f")"})
    out.push_back({"control characters", raw, Fate::refused});
  // Cyrillic a, fullwidth w, a dotless i, zero width, right to left, a ligature.
  for (const char* raw : {"\"l\xd0\xb0"
                          "b\"",
                          "\"\xef\xbd\x97"
                          "eb\"",
                          "\"adm\xc4\xb1n\"",
                          "\"la\xe2\x80\x8b"
                          "b\"",
                          "\"\xe2\x80\xae"
                          "bal\"",
                          "\"\xef\xac\x81le\""})
    out.push_back({"homoglyph", raw, strict});
  for (const char* raw : {R"("%s%s%n%x")", R"("${jndi:ldap://a}")", R"("';DROP TABLE objects;--")",
                          R"x("$(reboot)")x", R"(",file=/etc/shadow")", R"("a b")", R"("")"})
    out.push_back({"quoting", raw});
  out.push_back(
      {"long", "\"" + std::string(300'000, 'a') + "\"",
       field.type == Type::text && field.most > 300'000 && !words ? Fate::open : Fate::refused});
}

// What is wrong with the bytes, wherever it stands.
void add_bytes(std::vector<Hostile>& out) {
  for (const char* raw :
       {"\"\xff\xfe\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"",
        R"("\ud800")", R"("\udc00\ud800")"})
    out.push_back({"bad UTF-8", raw, Fate::refused});
  for (const size_t depth : {33, 500, 50'000}) {
    out.push_back({"deep lists", std::string(depth, '[') + std::string(depth, ']'), Fate::refused});
    std::string deep = "1";
    for (size_t i = 0; i < std::min<size_t>(depth, 500); ++i) deep = R"({"a":)" + deep + "}";
    out.push_back({"deep objects", deep, Fate::refused});
  }
  out.push_back({"many", "[" + std::string(100'000, ' ') + "1]", Fate::refused});
  std::string list = "[0";
  for (int i = 0; i < 20'000; ++i) list += ",0";
  out.push_back({"many", list + "]", Fate::refused});
  out.push_back({"duplicate keys", R"({"a":1,"a":2})", Fate::refused});
  out.push_back({"cut", "\"abc", Fate::refused});
  out.push_back({"comment", "1/*x*/", Fate::refused});
}

std::vector<Hostile> hostile_for(const Field& field) {
  std::vector<Hostile> out;
  add_wrong_types(field, out);
  add_numbers(field, out);
  add_texts(field, out);
  add_bytes(out);
  return out;
}

struct Place {
  std::string path;  // "spec.disks[0].name"
  Field field;
  std::string body;  // a whole object that holds the placeholder there
};

class Places {
 public:
  explicit Places(model::Kind kind) : kind_(kind) {
    auto documents = model::parse_documents(model::schema(kind).example, "example");
    document_ = documents->front().value;
    json::object& metadata = document_.as_object()["metadata"].as_object();
    metadata["name"] = "thing";
    if (model::info(kind).has_project) metadata["project"] = "lab";
    metadata["owner"] = "ann";
    walk(model::metadata_fields(kind), metadata, "metadata");
    walk(model::schema(kind).spec, document_.as_object()["spec"].as_object(), "spec");
    for (const char* key : {"apiVersion", "kind"}) take({.key = key}, document_.at(key), key);
    Field top{.type = Type::object};
    for (const char* key : {"metadata", "spec"}) take(top, document_.at(key), key);
  }

  const std::vector<Place>& all() const { return places_; }

 private:
  // Puts the placeholder there, keeps the text, and puts back what was there.
  void take(const Field& field, json::value& spot, const std::string& path) {
    const json::value before = std::exchange(spot, json::value("@@hostile@@"));
    places_.push_back({path, field, json::serialize(document_)});
    spot = before;
  }

  // Descends into one item of lists and maps, which is made where there is none.
  void walk(const std::vector<Field>& fields, json::object& object, const std::string& path) {
    for (const Field& field : fields) {
      const bool had = object.contains(field.key);
      json::value& spot = object[field.key];
      const std::string here = path + "." + std::string(field.key);
      take(field, spot, here);
      descend(field, spot, here);
      if (!had) object.erase(field.key);
    }
  }

  void descend(const Field& field, json::value& spot, const std::string& path) {
    const json::value before = spot;
    if (field.type == Type::object) {
      if (!spot.is_object()) spot.emplace_object();
      walk(field.fields, spot.get_object(), path);
    } else if (field.type == Type::list) {
      if (!spot.is_array() || spot.get_array().empty()) spot = json::array{nullptr};
      take(field.fields[0], spot.get_array()[0], path + "[0]");
      descend(field.fields[0], spot.get_array()[0], path + "[0]");
    } else if (field.type == Type::map) {
      if (!spot.is_object() || spot.get_object().empty()) spot = json::object{{"a", nullptr}};
      json::value& item = spot.get_object().begin()->value();
      take(field.fields[0], item, path + ".a");
      descend(field.fields[0], item, path + ".a");
    }
    spot = before;
  }

  model::Kind kind_;
  json::value document_;
  std::vector<Place> places_;
};

std::string with(const std::string& body, const std::string& raw) {
  std::string out = body;
  const size_t at = out.find(placeholder);
  return out.replace(at, placeholder.size(), raw);
}

std::string target(const model::KindInfo& kind) {
  return (kind.has_project ? "/api/v1/projects/lab/" : "/api/v1/") + std::string(kind.plural) +
         "/thing";
}

bool reads(const model::Object& object) {
  switch (object.kind) {
    case model::Kind::machine:
      return model::machine_spec(object.spec).ok();
    case model::Kind::volume:
      return model::volume_spec(object.spec).ok();
    case model::Kind::image:
      return model::image_spec(object.spec).ok();
    case model::Kind::secret:
      return model::secret_spec(object.spec).ok();
    case model::Kind::role:
      return model::role_spec(object.spec).ok();
    case model::Kind::binding:
      return model::binding_spec(object.spec).ok();
    case model::Kind::project:
      return model::project_spec(object.spec).ok();
    default:
      return true;
  }
}

// The admission of a daemon, over a host of fixed size.
Status admit(const model::Object& wanted) {
  if (wanted.kind != model::Kind::machine) return {};
  fleet::HostFacts host;
  host.cpu_millicores = 4000;
  host.memory_bytes = uint64_t{16} << 30;
  host.slots = 100;
  BRIDLE_TRY(const model::MachineSpec spec, model::machine_spec(wanted.spec));
  return fleet::check_shape(spec, host);
}

void expect_clear_error(const Reply& reply, const std::string& what) {
  const std::set<int> clear = {400, 403, 404, 409, 413, 422};
  EXPECT_TRUE(clear.contains(reply.status)) << what << ": " << reply.response.body.substr(0, 400);
  const std::string message = testing::text(reply.body, "error.message");
  EXPECT_GT(message.size(), 5u) << what;
  EXPECT_LT(message.size(), 16'000u) << what;
  EXPECT_EQ(model::find_bad_utf8(message), std::string::npos) << what;
  for (const char c : message)
    EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n') << what << ": " << message;
}

void expect_right_acceptance(World& world, const model::KindInfo& kind, const std::string& what) {
  const Reply got = world.ask(World::root, "GET", target(kind));
  ASSERT_EQ(got.status, 200) << what;
  const auto object = model::from_json(got.body);
  ASSERT_TRUE(object.ok()) << what << ": " << object.error().message();
  EXPECT_TRUE(reads(*object)) << what;
  const size_t acts = world.backend.acts.size();
  const Reply again = world.ask(World::root, "PUT", target(kind), got.response.body);
  EXPECT_EQ(again.status, 200) << what << ": " << again.response.body.substr(0, 400);
  EXPECT_EQ(world.backend.acts.size(), acts) << what << " changes when it is applied again";
}

// What became of the cases of one class: the table of docs/hostile-input.md.
struct Outcome {
  size_t refused = 0, accepted = 0;
};

TEST(Hostile, EveryFieldByEveryClass) {
  std::map<std::string, Outcome> table;
  size_t cases = 0, accepted = 0;
  World world;
  world.backend.admission = admit;
  for (const model::KindInfo& kind : model::all_kinds()) {
    if (!kind.user_writable) continue;
    const std::string key = model::spec_key(kind.kind, "lab", "thing");
    const Places places(kind.kind);
    for (const Place& place : places.all())
      for (const Hostile& hostile : hostile_for(place.field)) {
        const std::string what = std::string(kind.name) + " " + place.path + " " + hostile.what +
                                 " " + hostile.raw.substr(0, 40);
        const Reply reply =
            world.ask(World::root, "PUT", target(kind), with(place.body, hostile.raw));
        ++cases;
        Outcome& outcome = table[hostile.what];
        if (reply.status / 100 != 2) {
          ++outcome.refused;
          expect_clear_error(reply, what);
          continue;
        }
        ++outcome.accepted;
        EXPECT_EQ(hostile.fate, Fate::open) << what << " was accepted";
        ++accepted;
        expect_right_acceptance(world, kind, what);
        world.commit(key, std::nullopt);
      }
  }
  for (const auto& [what, outcome] : table)
    std::printf("| %s | %zu | %zu |\n", what.c_str(), outcome.refused, outcome.accepted);
  EXPECT_GT(cases, 5000u);
  EXPECT_GT(accepted, 100u);
  EXPECT_LT(accepted, cases / 4);
}

// Keys that are there twice, or are not known, at every level that holds keys.
TEST(Hostile, KeysOfEveryObject) {
  World world;
  for (const model::KindInfo& kind : model::all_kinds()) {
    if (!kind.user_writable) continue;
    const Places places(kind.kind);
    for (const Place& place : places.all()) {
      const size_t at = place.body.find(placeholder);
      const size_t begin = place.body.rfind('{', at);
      for (const char* more : {R"("nam\u0065":"x",)", R"("__proto__":{},)", "\"n\xd0\xb0me\":1,",
                               R"("":1,)", R"("a":1,"a":2,)", R"("\u0000":1,)", R"("../x":1,)"}) {
        std::string body = place.body;
        body.replace(at, placeholder.size(), "null");
        body.insert(begin + 1, more);
        const Reply reply = world.ask(World::root, "PUT", target(kind), body);
        const std::string what = std::string(kind.name) + " " + place.path + " " + more;
        if (reply.status / 100 != 2) {
          expect_clear_error(reply, what);
          continue;
        }
        expect_right_acceptance(world, kind, what);
        world.commit(model::spec_key(kind.kind, "lab", "thing"), std::nullopt);
      }
    }
  }
}

const std::vector<std::string>& hostile_words() {
  static const std::vector<std::string> words = {"..",
                                                 "%2e%2e",
                                                 "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
                                                 "%00",
                                                 "%ff%fe",
                                                 "%c0%af",
                                                 "a%0d%0ab",
                                                 "-1",
                                                 "99999999999999999999999",
                                                 "%D0%B0",
                                                 "*",
                                                 "%25s%25n",
                                                 "true,false",
                                                 "a=b=c",
                                                 "%7B%22a%22%3A1%7D",
                                                 "1e400",
                                                 "%20",
                                                 "%E2%80%AE",
                                                 "x%2Fy",
                                                 "%",
                                                 "%zz",
                                                 std::string(2000, 'a')};
  return words;
}

// Every route: each variable of its path, each of its parameters, a hostile body.
TEST(Hostile, EveryRouteByEveryParameter) {
  World world;
  world.have(model::Kind::machine, "lab", "thing", R"({"image":"tiny","power":"running"})",
             R"({"phase":"running"})");
  size_t cases = 0;
  const auto ask = [&](const Route& route, const std::string& path, const std::string& body,
                       Fields headers) {
    headers.emplace_back("x-bridle-reason", "hostile");
    Answer answer = world.ask_raw(World::root, route.method, path, body, std::move(headers));
    ++cases;
    const auto* response = std::get_if<Response>(&answer);
    if (response == nullptr) return;
    EXPECT_LT(response->status, 500) << route.method << " " << path.substr(0, 200) << " "
                                     << body.substr(0, 80) << ": " << response->body.substr(0, 300);
    EXPECT_EQ(model::find_bad_utf8(response->body), std::string::npos) << path.substr(0, 200);
  };
  const auto path_with = [](const Route& route, std::string_view variable,
                            const std::string& word) {
    std::string out = route.pattern;
    for (const std::string_view each : {"{project}", "{name}"}) {
      const size_t at = out.find(each);
      if (at == std::string::npos) continue;
      out.replace(at, each.size(), each == variable ? word : each == "{name}" ? "thing" : "lab");
    }
    return out;
  };
  for (const Route& route : world.api.router().routes()) {
    for (const std::string& word : hostile_words()) {
      for (const std::string_view variable : {"{project}", "{name}"})
        if (route.pattern.find(variable) != std::string::npos)
          ask(route, path_with(route, variable, word), "", {});
      for (const Parameter& parameter : route.parameters) {
        const std::string name(parameter.name);
        if (parameter.in == "query") {
          ask(route, path_with(route, "", "") + "?" + name + "=" + word, "", {});
          ask(route, path_with(route, "", "") + "?" + name + "=1&" + name + "=" + word, "", {});
        } else {
          std::string lower = name;
          for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
          ask(route, path_with(route, "", ""), "", {{lower, word}});
        }
      }
    }
    if (route.body_limit == 0) continue;
    std::vector<Hostile> bodies;
    add_bytes(bodies);
    add_numbers({.type = Type::object}, bodies);
    for (const char* raw : {"[]", "\"\"", R"({"force":1})", R"({"force":true,"force":false})",
                            R"({"do":"exec","argv":[1]})", R"({"do":"exec","argv":"sh"})",
                            R"({"do":"exec","argv":["a"],"timeout":-1})", R"({"do":{}})"})
      bodies.push_back({"body", raw});
    for (const Hostile& hostile : bodies) ask(route, path_with(route, "", ""), hostile.raw, {});
  }
  RecordProperty("cases", static_cast<int>(cases));
  EXPECT_GT(cases, 3000u);
}

}  // namespace
}  // namespace bridle::api
