// bridle auth token create, list, revoke; bridle host cert show, rotate, sign-client.
#include <fcntl.h>
#include <unistd.h>

#include "base/certificate.h"
#include "base/file.h"
#include "base/units.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/documents.h"
#include "cli/human.h"
#include "cli/output.h"
#include "cli/table.h"

namespace bridle::cli {
namespace {

constexpr const char* credentials = "/api/v1/auth/credentials";

// A file that nobody else may read, and that was not there.
Status write_new(const std::string& path, const std::string& bytes, mode_t mode) {
  BRIDLE_TRY(const Fd fd, open_file(path, O_WRONLY | O_CREAT | O_EXCL, mode));
  return write_all(fd.get(), bytes).context(path);
}

// What a credential is good for, out of the flags.
Result<json::object> wanted(Context& context, const Args& args) {
  json::array projects;
  for (const std::string& project : args.all("scope")) projects.emplace_back(project);
  if (projects.empty()) projects.emplace_back(context.globals().project);
  BRIDLE_TRY(const Duration life,
             parse_duration(args.one_or("expires", "30d")).context("--expires"));
  return json::object{{"name", args.one("NAME")},
                      {"role", args.one_or("role", "tenant")},
                      {"projects", std::move(projects)},
                      {"rawAllowed", args.has("raw")},
                      {"expiresIn", life / std::chrono::seconds(1)}};
}

std::vector<Flag> grant_flags() {
  return {{"--role",
           "ROLE",
           "what it may do [tenant]",
           false,
           {"admin", "operator", "auditor", "tenant"}},
          {"--scope", "PROJECT", "where, several times for several; '*': everywhere [-p]", true},
          {"--expires", "TIME", "how long it is good, such as 12h or 90d [30d]"},
          {"--raw", "", "may set spec.raw of machines"}};
}

Result<int> run_token_create(Context& context, const Args& args) {
  BRIDLE_TRY(const json::object body, wanted(context, args));
  BRIDLE_TRY(const json::value made,
             context.api().call({"POST", "/api/v1/auth/tokens", json::serialize(body)}));
  const std::string token = text_at(made, "token");
  if (args.has("out")) {
    const Status written = write_new(args.one("out"), token + "\n", 0600);
    if (!written.ok()) {
      // Nobody will ever see it: it must not stay good.
      (void)context.api().call({"DELETE", std::string(credentials) + "/" + args.one("NAME")});
      return Error(written.error().code(), written.error().message());
    }
    context.err() << "token/" << args.one("NAME") << " is in " << args.one("out") << "\n";
  } else if (context.globals().format == Format::json || context.globals().format == Format::yaml) {
    print_value(context, made);
  } else {
    context.out() << token << "\n";
  }
  context.err() << "good as " << text_at(made, "role") << " until " << text_at(made, "expires")
                << "; it is not shown again\n";
  return Exit::done;
}

std::string joined(const json::value& list) {
  std::string out;
  if (list.is_array())
    for (const json::value& item : list.get_array())
      out += (out.empty() ? "" : ",") + printable(plain(item));
  return out;
}

Result<int> run_credential_list(Context& context, const Args&) {
  BRIDLE_TRY(const json::value answer, context.api().get(credentials));
  const json::value& items = at(answer, "items");
  if (!items.is_array()) return Error(Code::corrupt, "bridled's list has no items");
  const Format format = context.globals().format;
  if (format == Format::json || format == Format::yaml) {
    print_value(context, items);
    return Exit::done;
  }
  Table table({{"NAME"}, {"KIND"}, {"ROLE"}, {"PROJECTS", false, true}, {"EXPIRES"}, {"MADE BY"}});
  for (const json::value& item : items.get_array()) {
    const bool expired = at(item, "expired") == json::value(true);
    if (format == Format::name) context.out() << printable(text_at(item, "name")) << "\n";
    table.add({printable(text_at(item, "name")),
               printable(text_at(item, "source")),
               printable(text_at(item, "role")),
               joined(at(item, "projects")),
               {expired ? "expired" : printable(text_at(item, "expires")),
                expired ? Tone::bad : Tone::plain},
               printable(text_at(item, "issuer"))});
  }
  if (format == Format::name) return Exit::done;
  if (table.rows() == 0)
    context.err() << "nobody is let in over the network\n";
  else
    context.out() << table.render(context.terminal().width, context.style());
  return Exit::done;
}

Result<int> run_revoke(Context& context, const Args& args) {
  for (const std::string& name : args.all("NAME")) {
    BRIDLE_TRY(const json::value gone,
               context.api().call({"DELETE", std::string(credentials) + "/" + encode(name)}));
    context.out() << "credential/" << printable(text_at(gone, "name")) << " revoked\n";
  }
  return Exit::done;
}

void print_certificate(Context& context, const json::value& answer, const std::string& which) {
  const json::value& shown = at(answer, which);
  context.out() << which << "\n  name         " << printable(text_at(shown, "name"))
                << "\n  fingerprint  " << printable(text_at(shown, "fingerprint"))
                << "\n  until        " << printable(text_at(shown, "until")) << "\n";
  if (which == "server") context.out() << "  names        " << joined(at(shown, "names")) << "\n";
}

Result<int> show_certificates(Context& context, const json::value& answer) {
  if (context.globals().format == Format::json || context.globals().format == Format::yaml) {
    print_value(context, answer);
    return Exit::done;
  }
  print_certificate(context, answer, "authority");
  print_certificate(context, answer, "server");
  return Exit::done;
}

Result<int> run_cert_show(Context& context, const Args&) {
  BRIDLE_TRY(const json::value answer, context.api().get("/api/v1/certificate"));
  return show_certificates(context, answer);
}

Result<int> run_cert_rotate(Context& context, const Args& args) {
  const json::object body{{"authority", args.has("authority")}};
  BRIDLE_TRY(
      const json::value answer,
      context.api().call({"POST", "/api/v1/certificate/actions/rotate", json::serialize(body)}));
  return show_certificates(context, answer);
}

Result<int> run_sign_client(Context& context, const Args& args) {
  const std::string name = args.one("NAME");
  const std::string folder = args.one_or("out", ".");
  BRIDLE_CHECK(model::check_name("NAME", name));
  BRIDLE_TRY(json::object body, wanted(context, args));
  std::string key;
  if (args.has("request")) {
    BRIDLE_TRY(body["request"], read_file(args.one("request"), max_pem));
  } else {
    // The key is made here and goes nowhere else.
    BRIDLE_TRY(key, make_key());
    BRIDLE_TRY(body["request"], make_request(key, name));
    BRIDLE_CHECK(write_new(folder + "/" + name + ".key", key, 0600));
  }
  const auto made =
      context.api().call({"POST", "/api/v1/auth/certificates", json::serialize(body)});
  if (!made.ok()) {
    if (!key.empty()) (void)remove_file(folder + "/" + name + ".key");
    return Error(made.error().code(), made.error().message());
  }
  BRIDLE_CHECK(write_new(folder + "/" + name + ".pem", text_at(*made, "certificate"), 0644));
  context.out() << "certificate/" << name << " is in " << folder << "/" << name << ".pem"
                << (key.empty() ? "" : ", its key in " + folder + "/" + name + ".key") << "\n";
  context.err() << "good as " << text_at(*made, "role") << " until " << text_at(*made, "expires")
                << "\n";
  return Exit::done;
}

void add_token_commands(CommandTable& table) {
  const Operand name{"NAME", "what you call it; unique among tokens and client certificates"};
  std::vector<Flag> flags = grant_flags();
  flags.push_back({"--out", "FILE", "write it to a new file of your own instead of printing it"});
  table.commands.push_back(
      {{"auth", "token", "create"},
       "Make a token that lets someone in over the network",
       "It is shown once: bridled keeps a hash. It is never an argument of a command: give it to "
       "`bridle context add --token-file`, or send it as Authorization: Bearer.",
       {name},
       flags,
       {{"bridle auth token create ci --role operator --scope lab --expires 12h --out ci.token",
         "for a pipeline, in one project"},
        {"bridle auth token create watcher --role auditor --scope '*'", "sees everything"}},
       run_token_create});
  table.commands.push_back({{"auth", "token", "list"},
                            "List tokens and client certificates, without their secrets",
                            "",
                            {},
                            {},
                            {{"bridle auth token list", "who is let in over the network"}},
                            run_credential_list});
  table.commands.push_back(
      {{"auth", "token", "revoke"},
       "Revoke tokens or client certificates, at once",
       "Their next request is refused; their open streams end within a second.",
       {{"NAME", "one or more", 1, 0}},
       {},
       {{"bridle auth token revoke ci", "ci is not let in any more"}},
       run_revoke});
}

}  // namespace

void add_credential_commands(CommandTable& table) {
  add_token_commands(table);
  table.commands.push_back(
      {{"host", "cert", "show"},
       "Show the certificate that a host shows, and the authority that clients accept",
       "The authority's fingerprint is what `bridle context add` asks about.",
       {},
       {},
       {{"bridle host cert show", "compare its fingerprint with what a client is shown"}},
       run_cert_show});
  table.commands.push_back(
      {{"host", "cert", "rotate"},
       "Give a host a new key and certificate, without a restart",
       "Clients notice nothing. It also happens by itself, a month before the certificate ends.",
       {},
       {{"--authority", "",
         "a new authority, too: every client certificate ends, and every context must accept the "
         "new fingerprint"}},
       {{"bridle host cert rotate", "a new key; the fingerprint stays"}},
       run_cert_rotate});
  std::vector<Flag> flags = grant_flags();
  flags.push_back(
      {"--request", "FILE", "a PKCS #10 request in PEM; else key and request are made"});
  flags.push_back({"--out", "FOLDER", "where NAME.pem and NAME.key go [.]"});
  table.commands.push_back(
      {{"host", "cert", "sign-client"},
       "Sign a client's certificate",
       "The client's key is made here, or stays where its request was made; bridled never sees it. "
       "Revoke it with `bridle auth token revoke NAME`.",
       {{"NAME", "what you call it; unique among tokens and client certificates"}},
       flags,
       {{"bridle host cert sign-client ann --role operator --scope lab --out keys",
         "keys/ann.pem and keys/ann.key"},
        {"bridle host cert sign-client bob --request bob.csr --scope lab", "bob keeps his key"}},
       run_sign_client});
}

}  // namespace bridle::cli
