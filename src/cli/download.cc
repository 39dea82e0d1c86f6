#include "cli/download.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "base/file.h"
#include "base/hash.h"
#include "cli/progress.h"

namespace bridle::cli {
namespace {

constexpr size_t longest_line = 4096;

class Reader {
 public:
  explicit Reader(RawStream stream) : fd_(std::move(stream.fd)), text_(std::move(stream.first)) {}

  Result<std::string> line() {
    while (text_.find('\n') == std::string::npos) {
      if (text_.size() > longest_line) return Error(Code::corrupt, "bridled said no line");
      BRIDLE_CHECK(more());
    }
    const size_t end = text_.find('\n');
    std::string out = text_.substr(0, end);
    text_.erase(0, end + 1);
    return out;
  }
  // Some bytes, at most `most`.
  Result<std::string> some(uint64_t most) {
    if (text_.empty()) BRIDLE_CHECK(more());
    std::string out = text_.substr(0, most);
    text_.erase(0, out.size());
    return out;
  }

 private:
  Status more() {
    std::string chunk(256 << 10, '\0');
    ssize_t n = 0;
    do n = ::read(fd_.get(), chunk.data(), chunk.size());
    while (n < 0 && errno == EINTR);
    if (n <= 0) return Error(Code::unreachable, "the connection to bridled broke; try again");
    text_.append(chunk, 0, static_cast<size_t>(n));
    return {};
  }

  Fd fd_;
  std::string text_;
};

// "error CODE MESSAGE"
Error error_of(const std::string& line) {
  const size_t blank = line.find(' ', 6);
  const auto code =
      line.starts_with("error ") ? code_from_name(line.substr(6, blank - 6)) : std::nullopt;
  if (!code || blank == std::string::npos) return Error(Code::corrupt, "bridled said: " + line);
  return Error(*code, line.substr(blank + 1));
}

Result<uint64_t> size_of(const std::string& line) {
  constexpr std::string_view start = "bridle-download 1 ";
  uint64_t size = 0;
  if (!line.starts_with(start)) return error_of(line);
  const char* end = line.data() + line.size();
  const auto [rest, wrong] = std::from_chars(line.data() + start.size(), end, size);
  if (wrong != std::errc() || rest != end) return error_of(line);
  return size;
}

}  // namespace

Status download(Context& context, const std::string& volume, const std::string& format,
                const std::function<Status(std::string_view)>& take) {
  const std::string target =
      ApiClient::path(model::info(model::Kind::volume), context.globals().project, volume) +
      "/export?to=" + format;
  BRIDLE_TRY(auto upgraded, context.api().http().upgrade({"GET", target}, "bridle-stream"));
  if (!upgraded.stream) return ApiClient::error_of(upgraded.refusal.status, upgraded.refusal.body);
  Reader reader(std::move(*upgraded.stream));
  Progress progress(context, "volume/" + volume);
  progress.show({-1, "being converted"});
  BRIDLE_TRY(const std::string greeting, reader.line());
  BRIDLE_TRY(const uint64_t size, size_of(greeting));
  Sha256Stream digest;
  for (uint64_t at = 0; at < size;) {
    BRIDLE_TRY(const std::string bytes, reader.some(size - at));
    digest.update(bytes);
    BRIDLE_CHECK(take(bytes));
    at += bytes.size();
    progress.show({static_cast<double>(at) / static_cast<double>(size), "receiving"});
  }
  BRIDLE_TRY(const std::string last, reader.line());
  if (!last.starts_with("done ")) return error_of(last);
  if (last.substr(5) == hex(digest.finish())) return {};
  return Error(Code::corrupt, "volume/" + volume + " was changed on the way; try again");
}

Result<NewFile> NewFile::create(const std::string& path, bool replace) {
  if (!replace && ::access(path.c_str(), F_OK) == 0)
    return Error(Code::conflict, path + " is there already; remove it, or say --force");
  const std::string draft = path + ".incomplete";
  BRIDLE_TRY(Fd fd, open_file(draft, O_RDWR | O_CREAT | O_TRUNC, 0600));
  return NewFile(path, draft, std::move(fd));
}

NewFile::~NewFile() {
  if (fd_.valid()) ::unlink(draft_.c_str());
}

Status NewFile::keep() {
  if (::fsync(fd_.get()) != 0) return errno_error(draft_);
  if (::rename(draft_.c_str(), path_.c_str()) != 0) return errno_error(path_);
  fd_.reset();
  return {};
}

}  // namespace bridle::cli
