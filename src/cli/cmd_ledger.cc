// bridle ledger list, verify, export.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/file.h"
#include "base/layout.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "ledger/verifier.h"

namespace bridle::cli {
namespace {

constexpr uint64_t page_size = 1000;

Result<json::value> page_after(Context& context, uint64_t after, uint64_t limit) {
  return context.api().get("/api/v1/ledger?after=" + std::to_string(after) +
                           "&limit=" + std::to_string(limit));
}

// Calls step with each entry after `after`, oldest first.
template <typename Step>
Status each_entry(Context& context, uint64_t after, Step step) {
  while (true) {
    BRIDLE_TRY(const json::value page, page_after(context, after, page_size));
    const json::value& entries = at(page, "entries");
    if (!entries.is_array()) return Error(Code::corrupt, "bridled's ledger page has no entries");
    for (const auto& entry : entries.get_array()) BRIDLE_CHECK(step(entry));
    const auto last = static_cast<uint64_t>(number_at(page, "last"));
    if (at(page, "more") != json::value(true)) return {};
    if (last <= after) return Error(Code::corrupt, "bridled's ledger does not come to its end");
    after = last;
  }
}

Result<uint64_t> number_of(const Args& args, std::string_view key, uint64_t otherwise) {
  if (!args.has(key)) return otherwise;
  const std::string text = args.one(key);
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ptr != text.data() + text.size())
    return Error(Code::invalid, "--" + std::string(key) + " \"" + text + "\": expected a number");
  return value;
}

std::string outcome_of(const json::value& entry) {
  const std::string code = text_at(entry, "code");
  return code.empty() ? text_at(entry, "phase") : code;
}

Tone outcome_tone(const std::string& outcome) {
  if (outcome == "ok") return Tone::good;
  return outcome == "intent" || outcome == "note" ? Tone::faint : Tone::bad;
}

Result<int> run_list(Context& context, const Args& args) {
  BRIDLE_TRY(const uint64_t after, number_of(args, "after", 0));
  BRIDLE_TRY(const uint64_t limit, number_of(args, "limit", 0));
  const std::string about = args.one("for");
  std::vector<json::value> entries;
  BRIDLE_CHECK(each_entry(context, after, [&](const json::value& entry) -> Status {
    const std::string object = text_at(entry, "object");
    const bool wanted = about.empty() || object.find(about) != std::string::npos;
    if (wanted && (limit == 0 || entries.size() < limit)) entries.push_back(entry);
    return {};
  }));
  if (context.globals().format != Format::table) {
    print_value(context, json::array(entries.begin(), entries.end()));
    return Exit::done;
  }
  Table table({{"SEQ", true},
               {"TIME"},
               {"ACTOR", false, true},
               {"VERB"},
               {"OBJECT"},
               {"OUTCOME"},
               {"DETAIL", false, true}});
  for (const auto& entry : entries) {
    const auto time = WallTime::parse(text_at(entry, "at"));
    const std::string outcome = outcome_of(entry);
    const std::string of = number_at(entry, "of") > 0 ? " (of " + plain(at(entry, "of")) + ")" : "";
    table.add({plain(at(entry, "seq")), time.ok() ? clock_of_day(*time, true) : "",
               text_at(entry, "actor"), text_at(entry, "verb"), text_at(entry, "object"),
               Cell(outcome + of, outcome_tone(outcome)), text_at(entry, "detail")});
  }
  context.out() << table.render(context.terminal().width, context.style());
  return Exit::done;
}

Result<ledger::PublicKey> key_of(Context& context, const Args& args) {
  if (args.has("key")) {
    BRIDLE_TRY(const std::string pem, read_file(args.one("key"), 64 << 10));
    return ledger::PublicKey::from_pem(pem).context(args.one("key"));
  }
  BRIDLE_TRY(const json::value answer, context.api().get("/api/v1/ledger/key"));
  return ledger::PublicKey::from_pem(text_at(answer, "pem")).context("bridled's key");
}

Status verify_file(const std::string& path, ledger::Verifier& verifier) {
  BRIDLE_TRY(const Fd file, open_file(path, O_RDONLY));
  std::vector<char> chunk(1 << 16);
  while (true) {
    const ssize_t n = ::read(file.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(path);
    if (n == 0) return verifier.finish();
    BRIDLE_CHECK(verifier.feed({chunk.data(), static_cast<size_t>(n)}));
  }
}

// Exact lines through the API; `line` is what the ledger's file holds.
Status each_line(Context& context, const std::function<Status(const std::string&)>& step) {
  return each_entry(context, 0, [&](const json::value& entry) -> Status {
    const std::string line = text_at(entry, "line");
    if (line.empty())
      return Error(Code::unreachable, "this bridled does not hand out the ledger's exact lines");
    return step(line + "\n");
  });
}

Status verify_live(Context& context, ledger::Verifier& verifier, std::string& source) {
  Progress progress(context, "verifying");
  const Status streamed = each_line(context, [&](const std::string& line) {
    if (verifier.lines() % 500 == 0)
      progress.show({-1, std::to_string(verifier.lines()) + " entries"});
    return verifier.feed(line);
  });
  if (streamed.ok()) return verifier.finish();
  const std::string file = context.globals().root + "/state/ledger/ledger.log";
  if (verifier.lines() > 0 || !open_file(file, O_RDONLY).ok()) return streamed.error();
  source = file;
  return verify_file(file, verifier);
}

Result<int> run_verify(Context& context, const Args& args) {
  auto key = key_of(context, args);
  if (!key.ok()) return std::move(key).error();
  const std::string fingerprint = key->fingerprint();
  ledger::Verifier verifier(
      std::move(*key), args.has("every") ? ledger::Signatures::every : ledger::Signatures::last);
  if (args.has("head")) {
    BRIDLE_TRY(const std::string text, read_file(args.one("head"), 4096));
    BRIDLE_TRY(const ledger::Head head, ledger::Head::parse(text).context(args.one("head")));
    BRIDLE_CHECK(verifier.expect(head));
  }
  std::string source = args.has("file") ? args.one("file") : "bridled";
  const Status verdict =
      args.has("file") ? verify_file(source, verifier) : verify_live(context, verifier, source);
  if (!verdict.ok() && verdict.error().code() != Code::corrupt) return verdict.error();
  if (!verdict.ok())
    return Error(Code::corrupt, "the ledger is NOT intact: " + verdict.error().message());
  const size_t open = verifier.chain().open_intents().size();
  if (context.globals().format == Format::table) {
    context.out() << context.style().paint(Tone::good, "intact") << ": " << verifier.lines()
                  << " entries from " << source << ", signed by " << fingerprint.substr(0, 16)
                  << "\n";
    if (open > 0) context.out() << open << " acts are under way (intent without outcome)\n";
    if (args.has("file") && !args.has("head"))
      context.out()
          << "entries cut off its end leave no trace in a file: prove that it is all with "
             "--head FILE, a head kept elsewhere\n";
    return Exit::done;
  }
  print_value(context, json::object{{"intact", true},
                                    {"entries", verifier.lines()},
                                    {"source", source},
                                    {"key", fingerprint},
                                    {"head", verifier.chain().head().text()},
                                    {"headExpected", args.has("head")},
                                    {"openIntents", open}});
  return Exit::done;
}

Result<int> run_export(Context& context, const Args& args) {
  const auto write = [&](std::ostream& out) {
    return each_line(context, [&](const std::string& line) -> Status {
      out << line;
      if (!out) return Error(Code::internal, "writing failed");
      return {};
    });
  };
  if (args.has("key")) {
    BRIDLE_TRY(const json::value answer, context.api().get("/api/v1/ledger/key"));
    context.out() << text_at(answer, "pem");
    return Exit::done;
  }
  BRIDLE_CHECK(write(context.out()));
  return Exit::done;
}

}  // namespace

void add_ledger_commands(CommandTable& table) {
  table.commands.push_back(
      {{"ledger", "list"},
       "List entries of the ledger, oldest first",
       "An act has two entries: the intent, synced before it, and the outcome, which names it.",
       {},
       {{"--after", "SEQ", "only entries behind this one"},
        {"--limit", "N", "at most so many"},
        {"--for", "OBJECT", "only of objects whose name holds this, such as machine/lab/web"}},
       {{"bridle ledger list --for machine/lab/web", "all that was done to one guest"}},
       run_list});
  table.commands.push_back(
      {{"ledger", "verify"},
       "Prove that the ledger is whole and was not changed",
       "Checks the chain of hashes and the signature of its end. Exits with 1, and names the line, "
       "when "
       "something is wrong. With --file and --key no daemon is needed; docs/ledger.md does the "
       "same with "
       "OpenSSL alone.",
       {},
       {{"--file,-f", "FILE", "a ledger's file instead of the running bridled's"},
        {"--key,-k", "FILE", "the public key (PEM), kept from an earlier time"},
        {"--head", "FILE", "a head that a witness kept: it must be in this ledger"},
        {"--every", "",
         "check every signature, not only the last (slower; finds where a forger began)"}},
       {{"bridle ledger verify", "of the running bridled, with its own key"},
        {"bridle ledger verify --file ledger.log --key ledger.pub", "of a copy, without bridled"}},
       run_verify});
  table.commands.push_back(
      {{"ledger", "export"},
       "Print the ledger's exact lines, for keeping elsewhere",
       "",
       {},
       {{"--key", "", "print the public key instead"}},
       {{"bridle ledger export > ledger.log", "a copy that `verify --file` reads"},
        {"bridle ledger export --key > ledger.pub", "its key"}},
       run_export});
}

}  // namespace bridle::cli
