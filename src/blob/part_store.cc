#include "blob/part_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"

namespace bridle::blob {
namespace {

constexpr size_t longest_record_file = 32 << 20;

Result<Seen> look(int fd) {
  struct stat s = {};
  if (::fstat(fd, &s) != 0) return errno_error("fstat");
  if (!S_ISREG(s.st_mode)) return Error(Code::corrupt, "it is not a file");
  return Seen{s.st_dev, s.st_ino, static_cast<uint64_t>(s.st_size),
              s.st_ctim.tv_sec * 1000000000 + s.st_ctim.tv_nsec};
}

// The kernel moves ctime in steps of its tick: a write that follows another within one tick leaves
// no trace. So a file that changed just now is not remembered, and digested again next time.
bool settled(const Seen& seen) {
  constexpr Duration tick = std::chrono::milliseconds(50);
  SystemClock clock;
  return Duration(clock.wall().ns - seen.ctime_ns) > tick;
}

Error changed(const std::string& digest, const std::string& image) {
  return Error(Code::corrupt,
               "image part " + digest.substr(0, 12) + "… of " + image +
                   " was changed on disk: its digest differs; rebuild with: bridle image build " +
                   image.substr(image.rfind('/') + 1));
}

}  // namespace

PartStore::PartStore(std::string folder, std::string record_file, Uuid boot_id)
    : folder_(std::move(folder)), record_file_(std::move(record_file)), boot_id_(boot_id) {
  const auto text = read_file(record_file_, longest_record_file);
  if (!text.ok()) return;  // nothing is trusted yet
  if (auto records = Records::decode(*text); records.ok())
    records_ = *std::move(records);
  else
    log::warning(records.error().message(), {{"file", record_file_}});
}

Result<OpenPart> PartStore::open(const std::string& digest, const std::string& image) {
  if (!is_digest(digest)) return Error(Code::invalid, "a part's name is 64 hexadecimal digits");
  OpenPart part;
  auto fd = open_file(folder_ + "/" + digest, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd.ok()) {
    const Error error = std::move(fd).error();
    return Error(error.code(), "image part of " + image + ": " + error.message() +
                                   "; rebuild with: bridle image build " +
                                   image.substr(image.rfind('/') + 1));
  }
  part.fd = *std::move(fd);
  BRIDLE_CHECK(check(part.fd.get(), digest, image, part));
  return part;
}

Status PartStore::check(int fd, const std::string& digest, const std::string& image,
                        OpenPart& part) {
  BRIDLE_TRY(const Seen before, look(fd));
  part.size = before.size;
  if (records_.trusted(digest, boot_id_, before)) return {};
  part.digested = true;
  BRIDLE_TRY(const Sha256 now, sha256_of_file(fd));
  BRIDLE_TRY(const Seen after, look(fd));
  if (hex(now) != digest || after != before) {
    records_.forget(digest);
    return changed(digest, image);
  }
  if (!settled(after)) return {};
  records_.remember(digest, {boot_id_, after});
  if (const Status saved = save(); !saved.ok())
    log::warning("cannot keep the record of checked parts", {{"why", saved.error().message()}});
  return {};
}

Status PartStore::save() { return write_file_durably(record_file_, records_.encode(), 0600); }

Result<Uuid> PartStore::host_boot_id() {
  BRIDLE_TRY(std::string text, read_file("/proc/sys/kernel/random/boot_id", 128));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return Uuid::parse(text);
}

}  // namespace bridle::blob
