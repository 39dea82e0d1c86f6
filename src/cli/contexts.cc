#include "cli/contexts.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>

#include "base/file.h"
#include "model/json_text.h"
#include "model/object.h"

namespace bridle::cli {
namespace {

namespace json = boost::json;

constexpr size_t most_bytes = 4 << 20;

Result<std::string> text_of(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return Error(Code::corrupt, std::string(key) + ": expected text");
  return std::string(value->get_string());
}

Result<HostContext> read_one(const json::value& value) {
  if (!value.is_object()) return Error(Code::corrupt, "contexts: expected objects");
  const json::object& object = value.get_object();
  HostContext out;
  BRIDLE_TRY(out.name, text_of(object, "name"));
  BRIDLE_CHECK(model::check_name("name", out.name));
  BRIDLE_TRY(const std::string server, text_of(object, "server"));
  BRIDLE_TRY(out.server, parse_endpoint(server));
  BRIDLE_TRY(out.project, text_of(object, "project"));
  BRIDLE_TRY(out.authority, text_of(object, "authority"));
  BRIDLE_TRY(out.token, text_of(object, "token"));
  BRIDLE_TRY(out.certificate, text_of(object, "certificate"));
  BRIDLE_TRY(out.key, text_of(object, "key"));
  // It becomes a header's value.
  if (std::any_of(out.token.begin(), out.token.end(), [](char c) { return c <= ' ' || c > '~'; }))
    return Error(Code::corrupt, "token: expected printable ASCII");
  return out;
}

}  // namespace

const HostContext* Contexts::find(std::string_view name) const {
  const auto at =
      std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
  return at == all.end() ? nullptr : &*at;
}

void Contexts::put(HostContext context) {
  remove(context.name);
  all.push_back(std::move(context));
}

bool Contexts::remove(std::string_view name) {
  return std::erase_if(all, [&](const auto& one) { return one.name == name; }) > 0;
}

Result<Contexts> parse_contexts(std::string_view text) {
  BRIDLE_TRY(const json::value parsed, model::parse_json(text));
  const json::object* object = parsed.if_object();
  const json::value* version = object == nullptr ? nullptr : object->if_contains("version");
  if (version == nullptr || *version != json::value(1))
    return Error(Code::corrupt, "expected an object with \"version\": 1");
  Contexts out;
  BRIDLE_TRY(out.current, text_of(*object, "current"));
  const json::value* list = object->if_contains("contexts");
  if (list == nullptr || !list->is_array())
    return Error(Code::corrupt, "contexts: expected a list");
  for (const json::value& value : list->get_array()) {
    BRIDLE_TRY(HostContext one, read_one(value));
    if (out.find(one.name) != nullptr)
      return Error(Code::corrupt, "contexts: \"" + one.name + "\" is there twice");
    out.all.push_back(std::move(one));
  }
  return out;
}

std::string contexts_text(const Contexts& contexts) {
  json::array list;
  for (const HostContext& one : contexts.all) {
    json::object object{{"name", one.name}, {"server", one.server.text()}};
    for (const auto& [key, value] :
         {std::pair<std::string_view, const std::string&>{"project", one.project},
          {"authority", one.authority},
          {"token", one.token},
          {"certificate", one.certificate},
          {"key", one.key}})
      if (!value.empty()) object[key] = value;
    list.push_back(std::move(object));
  }
  return json::serialize(json::object{
             {"version", 1}, {"current", contexts.current}, {"contexts", std::move(list)}}) +
         "\n";
}

Result<std::string> contexts_file(const std::string& config, const std::string& home) {
  if (!config.empty()) return config + "/bridle/contexts.json";
  if (!home.empty()) return home + "/.config/bridle/contexts.json";
  return Error(Code::invalid, "contexts are kept below $HOME, which is not set");
}

Result<Contexts> load_contexts(const std::string& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return Contexts{};
    return errno_error(file);
  }
  if (info.st_uid != ::geteuid() || (info.st_mode & 077) != 0)
    return Error(Code::refused, file +
                                    " holds secrets and must be yours alone: chown it to you, "
                                    "and chmod 600");
  BRIDLE_TRY(const std::string text, read_file(file, most_bytes));
  auto parsed = parse_contexts(text);
  if (!parsed.ok()) return std::move(parsed).error().context(file);
  return parsed;
}

Status save_contexts(const std::string& file, const Contexts& contexts) {
  BRIDLE_CHECK(make_folders(file.substr(0, file.rfind('/')), 0700));
  return write_file_durably(file, contexts_text(contexts), 0600);
}

}  // namespace bridle::cli
