#include "blob/verify.h"

#include <charconv>

namespace bridle::blob {
namespace {

constexpr std::string_view heading = "bridle-parts 1\n";
constexpr size_t most_records = 100000;

std::string_view take_until(std::string_view& text, char at) {
  const size_t end = text.find(at);
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

template <typename T>
bool number(std::string_view word, T& out) {
  const auto [end, wrong] = std::from_chars(word.data(), word.data() + word.size(), out);
  return wrong == std::errc() && end == word.data() + word.size();
}

}  // namespace

bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<Records> Records::decode(std::string_view text) {
  if (!text.starts_with(heading))
    return Error(Code::corrupt, "record of checked parts: not of this version");
  text.remove_prefix(heading.size());
  Records out;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    const std::string digest(take_until(line, ' '));
    const auto boot = Uuid::parse(take_until(line, ' '));
    Record record;
    const bool fine =
        is_digest(digest) && boot.ok() && number(take_until(line, ' '), record.seen.device) &&
        number(take_until(line, ' '), record.seen.inode) &&
        number(take_until(line, ' '), record.seen.size) && number(line, record.seen.ctime_ns);
    if (!fine || out.records_.size() == most_records)
      return Error(Code::corrupt, "record of checked parts: a malformed line");
    record.boot_id = *boot;
    out.records_[digest] = record;
  }
  return out;
}

std::string Records::encode() const {
  std::string out(heading);
  for (const auto& [digest, r] : records_)
    out += digest + " " + r.boot_id.text() + " " + std::to_string(r.seen.device) + " " +
           std::to_string(r.seen.inode) + " " + std::to_string(r.seen.size) + " " +
           std::to_string(r.seen.ctime_ns) + "\n";
  return out;
}

bool Records::trusted(const std::string& digest, const Uuid& boot_id, const Seen& now) const {
  const auto found = records_.find(digest);
  return found != records_.end() && found->second == Record{boot_id, now};
}

}  // namespace bridle::blob
