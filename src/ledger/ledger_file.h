// LedgerFile: the ledger of one host, in one folder (0700; bytes: docs/ledger.md):
//
//   ledger.log   the lines; append-only
//   key.pem      Ed25519 private key, 0600, made at first use
//   ledger.pub   its public half, for anyone
//   head         the head of the last sync: tells a crash from a theft
//   torn-N       what a crash left after entry N: evidence, never read again
//
// How it works. append() writes the line at once: it survives the death of the process. sync()
// makes it survive the host's (one fdatasync for all since the last). A write that fails is taken
// back and the ledger lives on; a sync that fails ends this object's life, for the kernel may have
// dropped what it could not write: open again, and recovery sees what is really there.
//
// open() reads and checks the whole chain (about 150,000 entries a second) and the
// last signature, cuts a torn tail (recovery.h), and reports intents that a crash left open. The
// folder is locked: a second opener is refused.
//
// Thread class: one thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/random.h"
#include "ledger/ledger_sink.h"
#include "ledger/recovery.h"

namespace bridle::ledger {

class LedgerFile final : public LedgerSink {
 public:
  // Makes the folder, the key and the first entry where there are none. `now` dates what opening
  // itself records. Errors: Code::corrupt (the file was changed; says what to do), conflict
  // (another process has it), exhausted, internal.
  static Result<std::unique_ptr<LedgerFile>> open(const std::string& folder, Random& random,
                                                  WallTime now);

  PublicKey public_key() const { return key_.public_key(); }
  // What recovery cut away at open(): 0 bytes after a clean end.
  uint64_t cut_bytes() const { return cut_bytes_; }

  Result<uint64_t> append(const Entry& entry) override;
  Status sync() override;
  bool broken() const override { return failed_.has_value(); }
  Head head() const override { return chain_.head(); }
  Head synced_head() const override { return synced_; }
  const std::map<uint64_t, Entry>& open_intents() const override { return chain_.open_intents(); }
  Result<std::vector<Line>> read(uint64_t after, size_t limit) override;

 private:
  LedgerFile(std::string folder, Fd lock, SigningKey key)
      : folder_(std::move(folder)), lock_(std::move(lock)), key_(std::move(key)) {}

  Status load(WallTime now);
  Status recover(const std::optional<Head>& synced, WallTime now);
  Result<std::string> cut_tail(uint64_t good_size);
  std::optional<Head> read_head() const;
  void write_head();
  Status write_line(const std::string& line);
  std::string path(const char* name) const { return folder_ + "/" + name; }

  std::string folder_;
  Fd lock_;
  SigningKey key_;
  Fd log_;
  Fd head_file_;
  Chain chain_;
  Head synced_;
  uint64_t size_ = 0;            // of ledger.log: whole lines
  std::vector<uint64_t> index_;  // Recovery::index_step
  uint64_t cut_bytes_ = 0;
  std::optional<Error> failed_;
};

}  // namespace bridle::ledger
