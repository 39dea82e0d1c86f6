#include "backup/archive.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "backup/cipher.h"
#include "base/file.h"

namespace bridle::backup {
namespace {

constexpr std::string_view magic = "BRIDLEBK";
constexpr uint32_t last_mark = 1u << 31;  // in a piece's length
constexpr size_t head_fixed = 2 + 1 + 4 + 8;

template <typename T>
void append(std::string& out, T value) {
  for (size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i));
}

template <typename T>
T take(std::string_view bytes, size_t at) {
  T value = 0;
  for (size_t i = 0; i < sizeof value; ++i)
    value |= static_cast<T>(static_cast<T>(static_cast<uint8_t>(bytes[at + i])) << (8 * i));
  return value;
}

// "a/b.c": no empty part, no "." or "..", no control character.
bool is_safe(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.back() == '/') return false;
  for (const char c : path)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  size_t from = 0;
  while (from <= path.size()) {
    const size_t end = std::min(path.find('/', from), path.size());
    const std::string_view part = path.substr(from, end - from);
    if (part.empty() || part == "." || part == "..") return false;
    from = end + 1;
  }
  return true;
}

// Exactly `size` bytes, or fewer at the end of the file.
Result<std::string> read_exactly(int fd, size_t size) {
  std::string out(size, '\0');
  size_t got = 0;
  while (got < size) {
    const ssize_t n = ::read(fd, out.data() + got, size - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("reading");
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  out.resize(got);
  return out;
}

Error cut() { return Error(Code::corrupt, "the backup ends too early: it was cut"); }

}  // namespace

std::string encode(const Header& header) {
  std::string out(magic);
  append(out, header.version);
  append(out, header.log2_n);
  append(out, header.r);
  append(out, header.p);
  out.append(reinterpret_cast<const char*>(header.salt.data()), header.salt.size());
  out.resize(header_size, '\0');
  return out;
}

Result<Header> decode_header(std::string_view bytes) {
  if (bytes.size() < header_size || !bytes.starts_with(magic))
    return Error(Code::invalid, "this is no Bridle backup");
  Header header;
  header.version = take<uint32_t>(bytes, 8);
  if (header.version > format_version)
    return Error(Code::refused,
                 "downgrade refused: this backup has format " + std::to_string(header.version) +
                     ", made by a newer Bridle; this one reads up to " +
                     std::to_string(format_version) + ": install the newer one to restore it");
  header.log2_n = take<uint32_t>(bytes, 12);
  header.r = take<uint32_t>(bytes, 16);
  header.p = take<uint32_t>(bytes, 20);
  std::copy_n(bytes.begin() + 24, header.salt.size(), header.salt.begin());
  return header;
}

std::string encode(const EntryHead& head) {
  std::string out;
  append(out, static_cast<uint16_t>(head.path.size()));
  append(out, static_cast<uint8_t>(head.owner));
  append(out, head.mode);
  append(out, head.size);
  return out + head.path;
}

Result<Parsed> parse_head(std::string_view bytes) {
  if (bytes.size() < head_fixed) return Parsed{};
  const auto length = take<uint16_t>(bytes, 0);
  if (length == 0) return Parsed{std::nullopt, head_fixed};
  if (length > longest_path) return Error(Code::corrupt, "a path in the backup is too long");
  if (bytes.size() < head_fixed + length) return Parsed{};
  EntryHead head;
  head.path = bytes.substr(head_fixed, length);
  const auto owner = take<uint8_t>(bytes, 2);
  head.mode = take<uint32_t>(bytes, 3);
  head.size = take<uint64_t>(bytes, 7);
  if (!is_safe(head.path) || owner > static_cast<uint8_t>(Owner::images) || head.mode > 0777 ||
      head.size > (1ull << 50))
    return Error(Code::corrupt, "an entry of the backup is not one that Bridle writes");
  head.owner = static_cast<Owner>(owner);
  return Parsed{std::move(head), head_fixed + length};
}

// ---- writing

Writer::Writer(int fd, std::unique_ptr<Cipher> cipher) : fd_(fd), cipher_(std::move(cipher)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer::~Writer() = default;

Result<Writer> Writer::create(int fd, std::string_view secret, Random& random) {
  Header header;
  random.fill(header.salt);
  BRIDLE_TRY(auto cipher, Cipher::create(header, secret));
  BRIDLE_CHECK(write_all(fd, encode(header)));
  return Writer(fd, std::move(cipher));
}

Status Writer::flush(bool last) {
  const std::string_view piece = std::string_view(pending_).substr(0, piece_size);
  BRIDLE_TRY(const std::string sealed, cipher_->seal(piece, last));
  std::string length;
  append(length, static_cast<uint32_t>(sealed.size()) | (last ? last_mark : 0));
  BRIDLE_CHECK(write_all(fd_, length + sealed));
  pending_.erase(0, piece.size());
  return {};
}

Status Writer::put(std::string_view bytes) {
  pending_ += bytes;
  while (pending_.size() > piece_size) BRIDLE_CHECK(flush(false));
  return {};
}

Status Writer::add(const EntryHead& head, std::string_view content) {
  if (!is_safe(head.path) || head.path.size() > longest_path)
    return Error(Code::invalid, head.path + " cannot be the path of a backup's entry");
  BRIDLE_CHECK(put(encode(head)));
  BRIDLE_CHECK(put(content));
  const Sha256 digest = sha256(content);
  return put({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

Status Writer::add_file(const EntryHead& head, int file) {
  if (!is_safe(head.path) || head.path.size() > longest_path)
    return Error(Code::invalid, head.path + " cannot be the path of a backup's entry");
  BRIDLE_CHECK(put(encode(head)));
  Sha256Stream digest;
  for (uint64_t left = head.size; left > 0;) {
    BRIDLE_TRY(const std::string piece, read_exactly(file, std::min<uint64_t>(left, piece_size)));
    if (piece.empty()) return Error(Code::corrupt, head.path + " became shorter meanwhile");
    digest.update(piece);
    BRIDLE_CHECK(put(piece));
    left -= piece.size();
  }
  const Sha256 sum = digest.finish();
  return put({reinterpret_cast<const char*>(sum.data()), sum.size()});
}

Status Writer::finish() {
  BRIDLE_CHECK(put(std::string(head_fixed, '\0')));
  BRIDLE_CHECK(flush(true));
  return {};
}

// ---- reading

Reader::Reader(int fd, std::unique_ptr<Cipher> cipher) : fd_(fd), cipher_(std::move(cipher)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Reader::open(int fd, std::string_view secret) {
  BRIDLE_TRY(const std::string bytes, read_exactly(fd, header_size));
  BRIDLE_TRY(const Header header, decode_header(bytes));
  BRIDLE_TRY(auto cipher, Cipher::create(header, secret));
  return Reader(fd, std::move(cipher));
}

Status Reader::fill() {
  if (last_seen_) return cut();
  BRIDLE_TRY(const std::string length, read_exactly(fd_, 4));
  if (length.size() != 4) return cut();
  const auto word = take<uint32_t>(length, 0);
  const bool last = (word & last_mark) != 0;
  const size_t size = word & ~last_mark;
  if (size < tag_size || size > piece_size + tag_size)
    return Error(Code::corrupt, "the backup was changed: a piece has an impossible length");
  BRIDLE_TRY(const std::string sealed, read_exactly(fd_, size));
  if (sealed.size() != size) return cut();
  BRIDLE_TRY(const std::string plain, cipher_->open(sealed, last));
  plain_.erase(0, at_);
  at_ = 0;
  plain_ += plain;
  last_seen_ = last;
  return {};
}

Status Reader::end_of_content() {
  open_ = false;
  const Sha256 seen = digest_->finish();
  while (plain_.size() - at_ < seen.size()) BRIDLE_CHECK(fill());
  if (!std::equal(seen.begin(), seen.end(), reinterpret_cast<const uint8_t*>(plain_.data()) + at_))
    return Error(Code::corrupt, "an entry's digest differs from its content");
  at_ += seen.size();
  return {};
}

Result<std::optional<EntryHead>> Reader::next() {
  while (open_) {
    BRIDLE_TRY([[maybe_unused]] const std::string skipped, read(piece_size));
  }
  while (true) {
    BRIDLE_TRY(Parsed parsed, parse_head(std::string_view(plain_).substr(at_)));
    if (parsed.used == 0) {
      BRIDLE_CHECK(fill());
      continue;
    }
    at_ += parsed.used;
    if (!parsed.head) {
      if (!last_seen_ || at_ != plain_.size()) return cut();
      return std::optional<EntryHead>();
    }
    left_ = parsed.head->size;
    open_ = true;
    digest_ = std::make_unique<Sha256Stream>();
    return std::move(parsed.head);
  }
}

Result<std::string> Reader::read(size_t most) {
  if (left_ == 0) {
    if (open_) BRIDLE_CHECK(end_of_content());
    return std::string();
  }
  while (at_ == plain_.size()) BRIDLE_CHECK(fill());
  const size_t size = std::min<uint64_t>({left_, most, plain_.size() - at_});
  std::string out = plain_.substr(at_, size);
  at_ += size;
  left_ -= size;
  digest_->update(out);
  return out;
}

}  // namespace bridle::backup
