#include "cli/context.h"

#include <iostream>

#include "base/layout.h"
#include "cli/documents.h"
#include "cli/human.h"
#include "model/path.h"

namespace bridle::cli {

namespace {

Server server_of(const Globals& globals) {
  Server server{globals.root + "/run/bridled.sock", globals.root};
  if (globals.host) {
    const HostContext& host = *globals.host;
    server.remote = Remote{host.server, host.authority, host.certificate, host.key};
    if (!host.token.empty()) server.headers.emplace_back("Authorization", "Bearer " + host.token);
  }
  if (!globals.reason.empty()) server.headers.emplace_back("X-Bridle-Reason", globals.reason);
  return server;
}

}  // namespace

Context::Context(Globals globals, const CommandTable& table, std::ostream& out, std::ostream& err,
                 Terminal terminal, std::string program)
    : globals_(std::move(globals)),
      table_(table),
      out_(out),
      err_(err),
      terminal_(terminal),
      program_(std::move(program)),
      api_(HttpClient(server_of(globals_))) {}

std::string Context::ask(const std::string& question) {
  if (!terminal_.in) return {};
  err_ << question << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer;
}

std::string Context::age_of(const std::string& rfc3339) {
  const auto time = WallTime::parse(rfc3339);
  return time.ok() ? age(Duration(clock_.wall().ns - time->ns)) : std::string();
}

int wrong_use(Context& context, const std::string& message) {
  context.err() << "bridle: " << printable(message) << "\n";
  return Exit::wrong_use;
}

Result<const model::KindInfo*> kind_named(const std::string& word) {
  if (const auto* kind = model::find_kind(word)) return kind;
  std::vector<std::string_view> known;
  std::string listed;
  for (const auto& kind : model::all_kinds()) {
    known.push_back(kind.plural);
    listed += (listed.empty() ? "" : ", ") + std::string(kind.singular);
  }
  const std::string_view near = model::nearest(word, known);
  std::string message = "no such kind: \"" + printable(word) + "\"";
  if (!near.empty()) message += " (did you mean " + std::string(near) + "?)";
  return Error(Code::invalid, message + "; there are: " + listed);
}

std::string show_ref_plain(const json::value& object) {
  const auto* kind = model::find_kind(text_at(object, "kind"));
  if (kind == nullptr) return printable(text_at(object, "metadata.name"));
  return printable(model::ref(kind->kind, text_at(object, "metadata.project"),
                              text_at(object, "metadata.name")));
}

std::string show_ref(const Context& context, const json::value& object) {
  const auto* kind = model::find_kind(text_at(object, "kind"));
  const std::string noun = kind == nullptr ? text_at(object, "kind") : std::string(kind->singular);
  const std::string project = text_at(object, "metadata.project");
  const bool other = !project.empty() && project != context.globals().project;
  return printable(noun + "/" + (other ? project + "/" : "") + text_at(object, "metadata.name"));
}

}  // namespace bridle::cli
