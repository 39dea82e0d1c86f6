#include "ledger/ledger_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/crash_point.h"
#include "base/file.h"

namespace bridle::ledger {
namespace {

constexpr size_t max_torn = 64 << 20;  // bytes of evidence kept after a crash

Status pwrite_all(int fd, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    BRIDLE_CRASH_POINT("ledger.write");
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("writing");
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

// Calls take(bytes) with the file from offset to its end, while it returns true.
template <typename Take>
Status read_from(int fd, uint64_t offset, Take take) {
  std::array<char, 65536> chunk{};
  while (true) {
    const ssize_t n = ::pread(fd, chunk.data(), chunk.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("reading");
    if (n == 0 || !take(std::string_view(chunk.data(), static_cast<size_t>(n)))) return {};
    offset += static_cast<uint64_t>(n);
  }
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<Fd> lock_folder(const std::string& folder) {
  BRIDLE_TRY(Fd fd, open_file(folder, O_RDONLY | O_DIRECTORY));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno != EWOULDBLOCK) return errno_error("locking " + folder);
  return Error(Code::conflict, folder + " is in use: is a second bridled running for this root?");
}

Result<SigningKey> make_key(const std::string& path, Random& random) {
  BRIDLE_TRY(SigningKey key, SigningKey::generate(random));
  BRIDLE_CHECK(write_file_durably(path, key.pem(), 0600));
  return key;
}

Result<SigningKey> load_key(const std::string& folder, Random& random) {
  const std::string path = folder + "/key.pem";
  auto pem = read_file(path, 4096);
  if (pem) return SigningKey::from_pem(*pem).context(path);
  if (pem.error().code() != Code::not_found) return std::move(pem).error();
  if (exists(folder + "/head"))
    return Error(Code::corrupt, path +
                                    " is missing, but the ledger was begun with it. Put it back, "
                                    "or move the folder aside to begin a new ledger");
  return make_key(path, random);
}

Status publish_key(const std::string& path, const std::string& pem) {
  const auto published = read_file(path, 4096);
  if (published && *published == pem) return {};
  return write_file_durably(path, pem, 0644);
}

}  // namespace

Result<std::unique_ptr<LedgerFile>> LedgerFile::open(const std::string& folder, Random& random,
                                                     WallTime now) {
  BRIDLE_CHECK(make_folder(folder, 0700));
  // The folder's own name must be as durable as what is acknowledged in it.
  BRIDLE_CHECK(sync_folder(folder + "/.."));
  BRIDLE_TRY(Fd lock, lock_folder(folder));
  BRIDLE_TRY(SigningKey key, load_key(folder, random));
  BRIDLE_CHECK(publish_key(folder + "/ledger.pub", key.public_key().pem()));
  std::unique_ptr<LedgerFile> ledger(new LedgerFile(folder, std::move(lock), std::move(key)));
  BRIDLE_CHECK(ledger->load(now).context("opening the ledger"));
  return ledger;
}

Status LedgerFile::load(WallTime now) {
  const std::optional<Head> synced = read_head();
  BRIDLE_TRY(log_, open_file(path("ledger.log"), O_RDWR | O_CREAT, 0600));
  BRIDLE_TRY(head_file_, open_file(path("head"), O_RDWR | O_CREAT, 0600));
  BRIDLE_CHECK(sync_folder(folder_));
  BRIDLE_CHECK(recover(synced, now));
  if (chain_.head().seq == 0) {
    BRIDLE_TRY([[maybe_unused]] const uint64_t first,
               append(Chain::begin(now, key_.fingerprint())));
  }
  BRIDLE_CHECK(sync());
  // Later heads are not synced; with this one there is always one that tells a crash from a theft.
  BRIDLE_CRASH_POINT("ledger.sync_head");
  if (::fdatasync(head_file_.get()) != 0) return errno_error("syncing " + path("head"));
  return {};
}

std::optional<Head> LedgerFile::read_head() const {
  const auto text = read_file(path("head"), 4096);
  if (!text) return std::nullopt;
  const auto head = Head::parse(*text);
  // A head that is torn or not ours says nothing; recovery is then as strict as without one.
  if (!head || !key_.public_key().verify(head->signed_text(), head->signature)) return std::nullopt;
  return *head;
}

Status LedgerFile::recover(const std::optional<Head>& synced, WallTime now) {
  Recovery recovery(synced);
  BRIDLE_CHECK(read_from(log_.get(), 0, [&](std::string_view bytes) {
    recovery.feed(bytes);
    return true;
  }));
  BRIDLE_TRY(auto found, recovery.finish(path("ledger.log")));
  chain_ = std::move(found.chain);
  index_ = std::move(found.index);
  size_ = found.good_size;
  const Head last = chain_.head();
  if (last.seq != 0 && !key_.public_key().verify(last.signed_text(), last.signature))
    return Error(Code::corrupt, path("ledger.log") + ": entry " + std::to_string(last.seq) +
                                    " is not signed by this host's key; keep the folder as "
                                    "evidence and move it aside to begin a new ledger");
  if (!found.torn) return {};
  BRIDLE_TRY(const std::string evidence, cut_tail(found.good_size));
  if (last.seq == 0) return {};  // the very first entry was torn: it is simply made again
  BRIDLE_TRY([[maybe_unused]] const uint64_t seq,
             append(Recovery::note(now, cut_bytes_, evidence)));
  return {};
}

// Moves what stands after good_size into a file of its own; returns that file's name.
Result<std::string> LedgerFile::cut_tail(uint64_t good_size) {
  std::string tail;
  BRIDLE_CHECK(read_from(log_.get(), good_size, [&](std::string_view bytes) {
    tail.append(bytes);
    return tail.size() <= max_torn;
  }));
  const std::string name = "torn-" + std::to_string(chain_.head().seq);
  BRIDLE_CHECK(write_file_durably(path(name.c_str()), tail, 0600));
  BRIDLE_CRASH_POINT("ledger.cut");
  if (::ftruncate(log_.get(), static_cast<off_t>(good_size)) != 0)
    return errno_error("cutting " + path("ledger.log"));
  cut_bytes_ = tail.size();
  return name;
}

Result<uint64_t> LedgerFile::append(const Entry& entry) {
  if (failed_) return *failed_;
  BRIDLE_TRY(const Chain::Next next, chain_.prepare(entry, key_));
  BRIDLE_CHECK(write_line(next.text + "\n").context(path("ledger.log")));
  if ((next.record.seq - 1) % Recovery::index_step == 0) index_.push_back(size_);
  size_ += next.text.size() + 1;
  chain_.advance(next);
  return next.record.seq;
}

Status LedgerFile::write_line(const std::string& line) {
  Status written = pwrite_all(log_.get(), line, size_);
  if (written) return written;
  // No crash point: only after a failed write; recovery cuts a torn line as well (ledger.cut).
  if (::ftruncate(log_.get(), static_cast<off_t>(size_)) != 0)
    failed_ = errno_error("the ledger cannot take back a half-written line");
  return written;
}

Status LedgerFile::sync() {
  if (failed_) return *failed_;
  if (synced_ == chain_.head()) return {};
  BRIDLE_CRASH_POINT("ledger.sync");
  if (::fdatasync(log_.get()) != 0) {
    failed_ = errno_error("syncing " + path("ledger.log"));
    return *failed_;
  }
  synced_ = chain_.head();
  BRIDLE_CRASH_POINT("ledger.synced");
  write_head();
  return {};
}

// Not synced, and allowed to fail: an older head is still true, it only vouches for less.
void LedgerFile::write_head() { (void)pwrite_all(head_file_.get(), synced_.text() + "\n", 0); }

Result<std::vector<Line>> LedgerFile::read(uint64_t after, size_t limit) {
  std::vector<Line> out;
  const uint64_t place = after / Recovery::index_step;
  if (limit == 0 || after >= chain_.head().seq) return out;
  LineCutter cutter;
  std::optional<Error> bad;
  const auto take = [&](std::string_view text) {
    auto line = parse_line(text);
    if (!line) {
      bad = std::move(line).error().context(path("ledger.log"));
      return false;
    }
    if (line->record.seq > after) out.push_back(*std::move(line));
    return out.size() < limit;
  };
  BRIDLE_CHECK(read_from(log_.get(), index_[place],
                         [&](std::string_view bytes) { return cutter.feed(bytes, take); }));
  if (bad) return *std::move(bad);
  return out;
}

}  // namespace bridle::ledger
