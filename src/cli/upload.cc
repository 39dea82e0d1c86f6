#include "cli/upload.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

#include "base/file.h"
#include "base/hash.h"
#include "cli/progress.h"

namespace bridle::cli {
namespace {

constexpr int most_breaks = 5;
constexpr int most_waits = 300;  // of 100 ms, for the operation to begin
constexpr size_t longest_answer = 4096;

// The lines that the other end says, and where the stream breaks.
class Conversation {
 public:
  explicit Conversation(RawStream stream) : fd_(std::move(stream.fd)), text_(stream.first) {}

  // A whole line, waiting for it. Code::unreachable: the stream ended.
  Result<std::string> line() {
    while (text_.find('\n') == std::string::npos) {
      char chunk[1024];
      const ssize_t n = ::read(fd_.get(), chunk, sizeof chunk);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0 || text_.size() > longest_answer)
        return Error(Code::unreachable, "the connection to bridled broke");
      text_.append(chunk, static_cast<size_t>(n));
    }
    const size_t end = text_.find('\n');
    std::string out = text_.substr(0, end);
    text_.erase(0, end + 1);
    return out;
  }
  // The other end spoke, or hung up: no use in sending more.
  bool has_something() const {
    pollfd wait{fd_.get(), POLLIN, 0};
    return !text_.empty() || ::poll(&wait, 1, 0) > 0;
  }
  int fd() const { return fd_.get(); }

 private:
  Fd fd_;
  std::string text_;
};

Result<uint64_t> offset_of(const std::string& greeting, uint64_t size) {
  constexpr std::string_view start = "bridle-upload 1 ";
  uint64_t offset = 0;
  if (!greeting.starts_with(start)) return Error(Code::corrupt, "bridled said: " + greeting);
  const char* end = greeting.data() + greeting.size();
  const auto [rest, wrong] = std::from_chars(greeting.data() + start.size(), end, offset);
  if (wrong != std::errc() || rest != end || offset > size)
    return Error(Code::corrupt, "bridled said: " + greeting);
  return offset;
}

// "error CODE MESSAGE"
Status verdict(const std::string& line) {
  if (line == "done") return {};
  if (!line.starts_with("error ")) return Error(Code::corrupt, "bridled said: " + line);
  const size_t blank = line.find(' ', 6);
  const auto code = code_from_name(line.substr(6, blank - 6));
  if (!code || blank == std::string::npos) return Error(Code::corrupt, "bridled said: " + line);
  return Error(*code, line.substr(blank + 1));
}

Status push(Context& context, Conversation& talk, const LocalFile& file, uint64_t at) {
  Progress progress(context, file.path);
  std::string chunk(256 << 10, '\0');
  while (at < file.size && !talk.has_something()) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(chunk.size(), file.size - at));
    const ssize_t n = ::pread(file.fd.get(), chunk.data(), wanted, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(file.path);
    if (n == 0) return Error(Code::conflict, file.path + " became shorter while it was sent");
    if (!write_all(talk.fd(), {chunk.data(), static_cast<size_t>(n)}).ok()) break;
    at += static_cast<uint64_t>(n);
    progress.show({static_cast<double>(at) / static_cast<double>(file.size), "sending"});
  }
  return {};
}

Status converse(Context& context, RawStream stream, const LocalFile& file) {
  Conversation talk(std::move(stream));
  BRIDLE_TRY(const std::string greeting, talk.line());
  if (greeting.starts_with("error ")) return verdict(greeting);
  BRIDLE_TRY(const uint64_t offset, offset_of(greeting, file.size));
  BRIDLE_CHECK(push(context, talk, file, offset));
  BRIDLE_TRY(const std::string last, talk.line());
  return verdict(last);
}

// The error of an operation that ended before its file came.
Status still_runs(Context& context, const json::value& operation) {
  const auto& kind = model::info(model::Kind::operation);
  BRIDLE_TRY(const json::value now,
             context.api().object(kind, text_at(operation, "metadata.project"),
                                  text_at(operation, "metadata.name")));
  const std::string phase = text_at(now, "status.phase");
  if (phase != "failed" && phase != "cancelled") return {};
  return Error(Code::internal, phase + ": " + text_at(now, "status.error"));
}

Result<RawStream> connect(Context& context, const std::string& image,
                          const json::value& operation) {
  const std::string target =
      ApiClient::path(model::info(model::Kind::image), context.globals().project, image) +
      "/upload";
  for (int waits = 0;; ++waits) {
    BRIDLE_TRY(auto upgraded, context.api().http().upgrade({"GET", target}, "bridle-stream"));
    if (upgraded.stream) return std::move(*upgraded.stream);
    Error error = ApiClient::error_of(upgraded.refusal.status, upgraded.refusal.body);
    if (error.code() != Code::conflict || waits == most_waits) return error;
    BRIDLE_CHECK(still_runs(context, operation));
    ::usleep(100'000);
  }
}

}  // namespace

Result<LocalFile> open_local(const std::string& path) {
  LocalFile out;
  out.path = path;
  BRIDLE_TRY(out.fd, open_file(path, O_RDONLY));
  struct stat st {};
  if (::fstat(out.fd.get(), &st) != 0) return errno_error(path);
  if (!S_ISREG(st.st_mode) || st.st_size == 0)
    return Error(Code::invalid, path + ": expected a file that is not empty");
  out.size = static_cast<uint64_t>(st.st_size);
  BRIDLE_TRY(const Sha256 digest, sha256_of_file(out.fd.get()));
  out.digest = hex(digest);
  return out;
}

Status send_file(Context& context, const LocalFile& file, const std::string& image,
                 const json::value& operation) {
  for (int breaks = 0;; ++breaks) {
    BRIDLE_TRY(RawStream stream, connect(context, image, operation));
    Status sent = converse(context, std::move(stream), file);
    if (sent.ok() || sent.error().code() != Code::unreachable || breaks == most_breaks) return sent;
    ::usleep(500'000);
  }
}

}  // namespace bridle::cli
