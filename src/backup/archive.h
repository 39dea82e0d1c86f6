// Archive: a backup's file: files under one key, encrypted and checked piece by piece, so that it
// is written and read as a stream and a cut or changed one is noticed. Bytes: docs/backup.md.
//
//   header   80 bytes in clear: magic, format version, scrypt's costs, salt
//   pieces   length, at most 1 MiB of AES-256-GCM ciphertext, tag; the nonce counts them and marks
//            the last; the header is authenticated with each
//   inside   entries: head (path, owner, mode, size), content, SHA-256 of the content; an empty
//   path ends
//
// Thread class: one thread. Errors: Code::refused (written by a newer Bridle: downgrade refused),
// corrupt (cut, changed, or the wrong key: these cannot be told apart), invalid (no backup).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/result.h"

namespace bridle::backup {

constexpr uint32_t format_version = 1;
constexpr size_t header_size = 80;
constexpr size_t longest_path = 255;
constexpr size_t piece_size = 1 << 20;

// Whose a file is; the uids differ from root folder to root folder.
enum class Owner : uint8_t { root = 0, daemon = 1, images = 2 };

struct EntryHead {
  std::string path;  // relative to the root, "state/store.db"; never leaves it
  Owner owner = Owner::root;
  uint32_t mode = 0600;  // permission bits
  uint64_t size = 0;
  bool operator==(const EntryHead&) const = default;
};

struct Header {
  uint32_t version = format_version;
  uint32_t log2_n = 15, r = 8, p = 1;  // of scrypt
  std::array<uint8_t, 32> salt = {};
};
std::string encode(const Header& header);
Result<Header> decode_header(std::string_view bytes);

std::string encode(const EntryHead& head);
struct Parsed {
  std::optional<EntryHead> head;  // empty: the end
  size_t used = 0;                // bytes of `bytes`; 0: more are needed
};
// The head of an entry at the start of `bytes`. Code::corrupt for paths that leave the root.
Result<Parsed> parse_head(std::string_view bytes);

// AES-256-GCM over the pieces.
class Cipher;

class Writer {
 public:
  // secret: a passphrase or the bytes of a key file. The descriptor is at its start and stays open.
  static Result<Writer> create(int fd, std::string_view secret, Random& random);
  Writer(Writer&&) noexcept;
  ~Writer();

  Status add(const EntryHead& head, std::string_view content);
  // From the file's start, head.size bytes. Code::corrupt: it has become shorter.
  Status add_file(const EntryHead& head, int file);
  Status finish();

 private:
  Writer(int fd, std::unique_ptr<Cipher> cipher);
  Status put(std::string_view bytes);
  Status flush(bool last);

  int fd_;
  std::unique_ptr<Cipher> cipher_;
  std::string pending_;
};

class Reader {
 public:
  static Result<Reader> open(int fd, std::string_view secret);
  Reader(Reader&&) noexcept;
  ~Reader();

  // The next entry; empty: the whole archive was read and is as it was written.
  Result<std::optional<EntryHead>> next();
  // Content of the entry that next() gave: at most `most` bytes, empty at its end, where its digest
  // was checked.
  Result<std::string> read(size_t most);

 private:
  Reader(int fd, std::unique_ptr<Cipher> cipher);
  Status fill();
  Status end_of_content();

  int fd_;
  std::unique_ptr<Cipher> cipher_;
  std::string plain_;
  size_t at_ = 0;
  bool last_seen_ = false;
  uint64_t left_ = 0;  // of the entry's content
  bool open_ = false;  // an entry's digest is still to be checked
  std::unique_ptr<Sha256Stream> digest_;
};

}  // namespace bridle::backup
