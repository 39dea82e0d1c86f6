// bridle context add, use, list, remove.
#include <unistd.h>

#include "base/certificate.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/human.h"
#include "cli/output.h"
#include "cli/table.h"

namespace bridle::cli {
namespace {

constexpr size_t most_secret = 64 << 10;

std::string trimmed(std::string text) {
  const size_t end = text.find_last_not_of(" \t\r\n");
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text;
}

// "-" is stdin.
Result<std::string> read_secret(const std::string& path) {
  if (path == "-") return read_all(STDIN_FILENO, most_secret);
  return read_file(path, most_secret);
}

Result<Contexts> load(Context& context) {
  if (context.globals().contexts.empty())
    return Error(Code::invalid, "contexts are kept below $HOME, which is not set");
  return load_contexts(context.globals().contexts);
}

// The fingerprint is what a person compares, or a script brings along.
Result<bool> accepts(Context& context, const Args& args, const Endpoint& server,
                     const CertificateFacts& authority) {
  const std::string shown = fingerprint_text(authority.digest);
  if (args.has("fingerprint")) {
    BRIDLE_TRY(const Sha256 wanted,
               parse_fingerprint(args.one("fingerprint")).context("--fingerprint"));
    if (wanted == authority.digest) return true;
    return Error(Code::unauthorized,
                 server.text() + " shows another fingerprint than --fingerprint: " + shown);
  }
  context.err() << "The authority of " << server.text() << " is \""
                << printable(authority.common_name) << "\", fingerprint\n  " << shown
                << "\nCompare it with `bridle host cert show` on that host.\n";
  if (context.ask("Trust it from now on? [yes/no] ") == "yes") return true;
  return Error(Code::unauthorized,
               "not accepted: nothing was kept. Off a terminal, say --fingerprint " + shown);
}

Status take_credentials(const Args& args, HostContext& out) {
  const bool token = args.has("token-file"), certificate = args.has("certificate");
  if (certificate != args.has("key"))
    return Error(Code::invalid, "--certificate and --key go together");
  if (token == certificate)
    return Error(
        Code::invalid,
        "say how you are known there: --token-file FILE, or --certificate FILE --key FILE");
  if (token) {
    BRIDLE_TRY(out.token, read_secret(args.one("token-file")));
    out.token = trimmed(out.token);
    return {};
  }
  BRIDLE_TRY(out.certificate, read_file(args.one("certificate"), most_secret));
  BRIDLE_TRY(out.key, read_file(args.one("key"), most_secret));
  if (!belongs_together(out.certificate, out.key))
    return Error(Code::invalid, "--certificate and --key do not belong together");
  return {};
}

Result<int> run_add(Context& context, const Args& args) {
  HostContext made;
  made.name = args.one("NAME");
  BRIDLE_CHECK(model::check_name("NAME", made.name));
  if (!args.has("server")) return wrong_use(context, "context add: --server HOST:PORT is missing");
  BRIDLE_TRY(made.server, parse_endpoint(args.one("server")).context("--server"));
  if (args.has("project")) made.project = context.globals().project;
  BRIDLE_TRY(Contexts contexts, load(context));
  if (contexts.find(made.name) != nullptr && !args.has("replace"))
    return Error(Code::conflict, "there is a context \"" + made.name + "\" already (--replace)");
  BRIDLE_CHECK(take_credentials(args, made));
  BRIDLE_TRY(made.authority, authority_shown_by(made.server));
  BRIDLE_TRY(const CertificateFacts authority, read_certificate(made.authority));
  BRIDLE_TRY(const bool accepted, accepts(context, args, made.server, authority));
  if (!accepted) return Exit::unauthorized;
  // From here on only that authority counts: this tells at once whether all of it works.
  Server server;
  server.remote = Remote{made.server, made.authority, made.certificate, made.key};
  if (!made.token.empty()) server.headers.emplace_back("Authorization", "Bearer " + made.token);
  const auto version = ApiClient(HttpClient(std::move(server))).get("/version");
  if (!version.ok()) return Error(version.error().code(), version.error().message());
  if (contexts.current.empty() && !args.has("keep")) contexts.current = made.name;
  const std::string name = made.name;
  contexts.put(std::move(made));
  BRIDLE_CHECK(save_contexts(context.globals().contexts, contexts));
  context.out() << "context/" << name << " added"
                << (contexts.current == name ? ", and used from now on\n" : "\n");
  return Exit::done;
}

Result<int> run_use(Context& context, const Args& args) {
  BRIDLE_TRY(Contexts contexts, load(context));
  const std::string name = args.one("NAME");
  if (name != "-" && contexts.find(name) == nullptr)
    return Error(Code::not_found, "there is no context \"" + name + "\"; see: bridle context list");
  contexts.current = name == "-" ? "" : name;
  BRIDLE_CHECK(save_contexts(context.globals().contexts, contexts));
  context.out() << (name == "-" ? "the unix socket is used from now on"
                                : "context/" + name + " is used from now on")
                << "\n";
  return Exit::done;
}

std::string known_as(const HostContext& one) { return one.token.empty() ? "certificate" : "token"; }

Result<int> run_list(Context& context, const Args&) {
  BRIDLE_TRY(const Contexts contexts, load(context));
  if (context.globals().format == Format::name) {
    for (const HostContext& one : contexts.all) context.out() << one.name << "\n";
    return Exit::done;
  }
  json::array list;
  Table table(
      {{""}, {"NAME"}, {"SERVER"}, {"PROJECT"}, {"KNOWN BY"}, {"FINGERPRINT", false, true}});
  for (const HostContext& one : contexts.all) {
    const auto authority = read_certificate(one.authority);
    const std::string fingerprint = authority.ok() ? fingerprint_text(authority->digest) : "";
    const bool current = one.name == contexts.current;
    table.add(
        {current ? "*" : "", one.name, one.server.text(), one.project, known_as(one), fingerprint});
    list.push_back({{"name", one.name},
                    {"server", one.server.text()},
                    {"project", one.project},
                    {"knownBy", known_as(one)},
                    {"fingerprint", fingerprint},
                    {"current", current}});
  }
  if (context.globals().format != Format::table) {
    print_value(context, list);
  } else if (list.empty()) {
    context.err() << "no contexts: the unix socket of --root is used\n";
  } else {
    context.out() << table.render(context.terminal().width, context.style());
  }
  return Exit::done;
}

Result<int> run_remove(Context& context, const Args& args) {
  BRIDLE_TRY(Contexts contexts, load(context));
  const std::string name = args.one("NAME");
  if (!contexts.remove(name))
    return Error(Code::not_found, "there is no context \"" + name + "\"; see: bridle context list");
  if (contexts.current == name) contexts.current.clear();
  BRIDLE_CHECK(save_contexts(context.globals().contexts, contexts));
  context.out() << "context/" << name << " removed\n";
  return Exit::done;
}

}  // namespace

void add_context_commands(CommandTable& table) {
  table.commands.push_back(
      {{"context", "add"},
       "Add a host, after its fingerprint was accepted",
       "Shows the fingerprint of the host's authority and asks; from then on only that authority "
       "counts for this context. The file (~/.config/bridle/contexts.json, 0600) keeps the token "
       "or "
       "key. With -p, that project is the context's usual one. The first context is used at once.",
       {{"NAME", "what you call the host"}},
       {{"--server", "HOST:PORT", "where it listens"},
        {"--token-file", "FILE", "a file with a token of `bridle auth token create`; - is stdin"},
        {"--certificate", "FILE", "a client certificate of `bridle host cert sign-client`"},
        {"--key", "FILE", "and its private key"},
        {"--fingerprint", "FINGERPRINT", "accept this one, without asking"},
        {"--replace", "", "also where there is a context of that name"},
        {"--keep", "", "do not use it from now on, though it is the first"}},
       {{"bridle context add alpha --server alpha.example:7443 --token-file alpha.token",
         "asks whether the fingerprint is the right one"},
        {"bridle context add alpha --server 192.0.2.1:7443 --certificate ann.pem --key ann.key",
         "with a client certificate"}},
       run_add});
  const Operand name{"NAME", "the context; - is the unix socket"};
  table.commands.push_back({{"context", "use"},
                            "Talk to this host from now on",
                            "For one command say --context NAME.",
                            {name},
                            {},
                            {{"bridle context use alpha", "all commands go to alpha"},
                             {"bridle context use -", "to the host at --root again"}},
                            run_use});
  table.commands.push_back({{"context", "list"},
                            "List the hosts that you talk to",
                            "",
                            {},
                            {},
                            {{"bridle context list", "the one in use has a *"}},
                            run_list});
  table.commands.push_back({{"context", "remove"},
                            "Forget a host, and the token or key for it",
                            "Revoke the token there too, if nobody else uses it.",
                            {{"NAME", "the context"}},
                            {},
                            {{"bridle context remove alpha", "its credentials are gone here"}},
                            run_remove});
}

}  // namespace bridle::cli
