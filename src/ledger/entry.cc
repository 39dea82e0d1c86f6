#include "ledger/entry.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <charconv>

#include "base/utf8.h"

namespace bridle::ledger {
namespace {

namespace json = boost::json;

constexpr std::pair<Phase, std::string_view> phases[] = {
    {Phase::intent, "intent"}, {Phase::outcome, "outcome"}, {Phase::note, "note"}};

// ---- rules --------------------------------------------------------------------------------------

Error breaks_rule(std::string_view field, std::string_view rule) {
  return Error(Code::invalid, "a ledger entry's " + std::string(field) + " " + std::string(rule));
}

bool verb_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

Status check_text(std::string_view field, std::string_view text, size_t most) {
  if (text.size() > most)
    return breaks_rule(field, "has at most " + std::to_string(most) + " bytes");
  if (!valid_utf8(text)) return breaks_rule(field, "is UTF-8");
  return {};
}

Status check_word(std::string_view field, std::string_view text, size_t most) {
  BRIDLE_CHECK(check_text(field, text, most));
  if (!std::all_of(text.begin(), text.end(), verb_character))
    return breaks_rule(field, "has letters, digits, '.', '_' and '-' only");
  return {};
}

Status check_phase(const Entry& entry) {
  const bool outcome = entry.phase == Phase::outcome;
  if (outcome != (entry.of != 0))
    return breaks_rule("of", "names the intent of an outcome, and only an outcome has it");
  if (outcome && entry.code.empty()) return breaks_rule("code", "is there in an outcome");
  if (entry.phase == Phase::intent && !entry.code.empty())
    return breaks_rule("code", "is not known in an intent");
  return {};
}

Status check_entry(const Entry& entry) {
  BRIDLE_CHECK(check_text("actor", entry.actor, max_actor));
  BRIDLE_CHECK(check_word("verb", entry.verb, max_verb));
  BRIDLE_CHECK(check_text("object", entry.object, max_object));
  BRIDLE_CHECK(check_word("code", entry.code, max_code));
  BRIDLE_CHECK(check_text("detail", entry.detail, max_detail));
  if (entry.actor.empty()) return breaks_rule("actor", "is never empty");
  if (entry.verb.empty()) return breaks_rule("verb", "is never empty");
  return check_phase(entry);
}

std::string repaired(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto rest = text;
    if (take_utf8(text)) {
      out.append(rest.substr(0, rest.size() - text.size()));
    } else {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
    }
  }
  return out;
}

// The longest beginning of valid UTF-8 that has at most `most` bytes and ends between characters.
std::string_view cut(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  size_t size = most;
  while (size > 0 && (static_cast<uint8_t>(text[size]) & 0xc0) == 0x80) --size;
  return text.substr(0, size);
}

// ---- writing ------------------------------------------------------------------------------------

void escape_unit(std::string& out, uint32_t unit) {
  constexpr char digits[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[unit >> shift & 15];
}

void escape_point(std::string& out, char32_t point) {
  if (point == U'"' || point == U'\\') {
    out += '\\';
    out += static_cast<char>(point);
  } else if (point == U'\n') {
    out += "\\n";
  } else if (point >= 0x20 && point < 0x7f) {
    out += static_cast<char>(point);
  } else if (point < 0x10000) {
    escape_unit(out, point);
  } else {
    escape_unit(out, 0xd800 + ((point - 0x10000) >> 10));
    escape_unit(out, 0xdc00 + ((point - 0x10000) & 0x3ff));
  }
}

void add_key(std::string& out, std::string_view key) {
  if (out.size() > 1) out += ',';
  out += '"';
  out += key;
  out += "\":";
}

void add_text(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  add_key(out, key);
  out += '"';
  while (const auto point = take_utf8(text)) escape_point(out, *point);
  out += '"';
}

void add_number(std::string& out, std::string_view key, uint64_t number) {
  if (number == 0) return;
  add_key(out, key);
  out += std::to_string(number);
}

// ---- reading ------------------------------------------------------------------------------------

Error malformed(const std::string& what) { return Error(Code::corrupt, what); }

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  const json::string* text = value ? value->if_string() : nullptr;
  return text ? std::string(*text) : std::string();
}

uint64_t number_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (!value) return 0;
  if (const auto* number = value->if_uint64()) return *number;
  const auto* number = value->if_int64();
  return number && *number > 0 ? static_cast<uint64_t>(*number) : 0;
}

Result<MachineId> parse_machine(std::string_view text) {
  constexpr size_t uuid_size = 36;
  if (text.size() < uuid_size + 2 || text[uuid_size] != '/')
    return malformed("machine is not UUID/GENERATION");
  MachineId id;
  BRIDLE_TRY(id.uuid, Uuid::parse(text.substr(0, uuid_size)));
  const auto digits = text.substr(uuid_size + 1);
  const auto end = digits.data() + digits.size();
  const auto [stop, failed] = std::from_chars(digits.data(), end, id.generation);
  if (failed != std::errc() || stop != end) return malformed("machine is not UUID/GENERATION");
  return id;
}

Result<Sha256> parse_digest(std::string_view text) {
  Sha256 digest{};
  if (text.size() != 2 * digest.size()) return malformed("prev is not a SHA-256");
  for (size_t i = 0; i < digest.size(); ++i) {
    const char* at = text.data() + 2 * i;
    const auto [stop, failed] = std::from_chars(at, at + 2, digest[i], 16);
    if (failed != std::errc() || stop != at + 2) return malformed("prev is not a SHA-256");
  }
  return digest;
}

Result<json::object> parse_object(std::string_view text) {
  json::parse_options options;
  options.max_depth = 1;
  boost::system::error_code failed;
  json::value value = json::parse({text.data(), text.size()}, failed, {}, options);
  if (failed) return malformed("not JSON: " + failed.message());
  if (!value.is_object()) return malformed("not a JSON object");
  return std::move(value.get_object());
}

Result<Entry> entry_from(const json::object& object) {
  Entry entry;
  const std::string phase = text_at(object, "phase");
  const auto named = [&](const auto& pair) { return pair.second == phase; };
  const auto* found = std::find_if(std::begin(phases), std::end(phases), named);
  if (found == std::end(phases)) return malformed("phase is not intent, outcome or note");
  entry.phase = found->first;
  BRIDLE_TRY(entry.at, WallTime::parse(text_at(object, "at")));
  if (object.contains("machine")) {
    BRIDLE_TRY(entry.machine, parse_machine(text_at(object, "machine")));
  }
  entry.actor = text_at(object, "actor");
  entry.verb = text_at(object, "verb");
  entry.object = text_at(object, "object");
  entry.of = number_at(object, "of");
  entry.code = text_at(object, "code");
  entry.detail = text_at(object, "detail");
  return entry;
}

Result<Record> record_from(std::string_view text) {
  BRIDLE_TRY(const json::object object, parse_object(text));
  Record record;
  record.seq = number_at(object, "seq");
  BRIDLE_TRY(record.entry, entry_from(object));
  BRIDLE_TRY(record.prev, parse_digest(text_at(object, "prev")));
  BRIDLE_CHECK(check_entry(record.entry));
  return record;
}

}  // namespace

std::string_view phase_name(Phase phase) {
  for (const auto& [value, name] : phases)
    if (value == phase) return name;
  return "";
}

Result<Entry> normalized(Entry entry) {
  constexpr int64_t millisecond = 1'000'000;
  entry.at.ns -= (entry.at.ns % millisecond + millisecond) % millisecond;
  if (!valid_utf8(entry.detail)) entry.detail = repaired(entry.detail);
  if (entry.detail.size() > max_detail)
    entry.detail = std::string(cut(entry.detail, max_detail - 3)) + "...";
  BRIDLE_CHECK(check_entry(entry));
  return entry;
}

std::string encode(const Record& record) {
  const Entry& entry = record.entry;
  std::string out = "{";
  add_number(out, "seq", record.seq);
  add_text(out, "at", entry.at.text());
  add_text(out, "phase", phase_name(entry.phase));
  add_number(out, "of", entry.of);
  add_text(out, "actor", entry.actor);
  add_text(out, "verb", entry.verb);
  add_text(out, "object", entry.object);
  if (entry.machine) add_text(out, "machine", entry.machine->text());
  add_text(out, "code", entry.code);
  add_text(out, "detail", entry.detail);
  add_text(out, "prev", hex(record.prev));
  return out + "}";
}

Result<Record> decode(std::string_view text) {
  if (text.size() > max_line)
    return malformed("longer than " + std::to_string(max_line) + " bytes");
  auto record = record_from(text);
  if (!record) return malformed(record.error().message());
  // One spelling only: what a reader sees is what was signed.
  if (encode(*record) != text) return malformed("not the canonical spelling of its entry");
  return record;
}

}  // namespace bridle::ledger
