#include "ledger/memory_ledger.h"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <utility>

#include "ledger/recovery.h"

namespace bridle::ledger {
namespace {

class HashSigner final : public Signer {
 public:
  Result<Signature> sign(std::string_view message) const override {
    const Sha256 digest = sha256(message);
    Signature signature{};
    std::copy(digest.begin(), digest.end(), signature.begin());
    return signature;
  }
  std::string fingerprint() const override { return "simulated"; }
};

// A programming error here would make the simulator lie: stop at once.
template <typename T>
T must(Result<T> result) {
  if (!result) std::abort();
  return *std::move(result);
}

}  // namespace

MemoryLedger::MemoryLedger(WallTime now) {
  add(must(chain_.prepare(Chain::begin(now, HashSigner().fingerprint()), HashSigner())));
  must(sync());
}

uint64_t MemoryLedger::add(const Chain::Next& next) {
  starts_.push_back(bytes_.size());
  bytes_ += next.text + '\n';
  chain_.advance(next);
  return next.record.seq;
}

std::optional<Error> MemoryLedger::failure() {
  const auto code = std::exchange(fail_next_, std::nullopt);
  if (!code) return std::nullopt;
  return Error(*code, "the ledger failed as it was told to");
}

Result<uint64_t> MemoryLedger::append(const Entry& entry) {
  if (auto failed = failure()) return *std::move(failed);
  BRIDLE_TRY(const Chain::Next next, chain_.prepare(entry, HashSigner()));
  return add(next);
}

Status MemoryLedger::sync() {
  if (auto failed = failure()) return *std::move(failed);
  synced_ = chain_.head();
  synced_size_ = bytes_.size();
  return {};
}

void MemoryLedger::crash(Random& random, WallTime now) {
  fail_next_.reset();
  const size_t at_risk = bytes_.size() - synced_size_;
  bytes_.resize(synced_size_ + random.below(at_risk + 1));
  const size_t left = bytes_.size() - synced_size_;
  const size_t zeroed = random.below(4) == 0 ? random.below(left + 1) : 0;
  std::fill(bytes_.end() - static_cast<ptrdiff_t>(zeroed), bytes_.end(), '\0');
  Recovery recovery(synced_);
  recovery.feed(bytes_);
  auto found = must(recovery.finish("the simulated ledger"));
  chain_ = std::move(found.chain);
  const size_t cut = bytes_.size() - found.good_size;
  bytes_.resize(found.good_size);
  starts_.resize(chain_.head().seq);
  if (found.torn) add(must(chain_.prepare(Recovery::note(now, cut, ""), HashSigner())));
  must(sync());
}

Result<std::vector<Line>> MemoryLedger::read(uint64_t after, size_t limit) {
  std::vector<Line> out;
  for (uint64_t i = after; i < starts_.size() && out.size() < limit; ++i) {
    const size_t start = starts_[i];
    const std::string_view rest = std::string_view(bytes_).substr(start);
    BRIDLE_TRY(Line line, parse_line(rest.substr(0, rest.find('\n'))));
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace bridle::ledger
