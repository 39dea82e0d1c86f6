// What one entry costs: to make, to write, to sync, to verify.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "ledger/ledger_file.h"
#include "ledger/verifier.h"

namespace bridle::ledger {
namespace {

class Folder {
 public:
  Folder() : path_(::mkdtemp(name_)) {}
  ~Folder() { (void)remove_tree(path_); }
  std::string ledger() const { return path_ + "/ledger"; }

 private:
  char name_[32] = "/tmp/bt-bench-XXXXXX";
  std::string path_;
};

Entry note() {
  Entry entry;
  entry.actor = "uid:1000";
  entry.verb = "machine.start";
  entry.object = "/machine/lab/web";
  entry.machine = MachineId{};
  entry.detail = "an ordinary entry with an ordinary detail";
  return entry;
}

SigningKey key() {
  SeededRandom random(1);
  return *SigningKey::generate(random);
}

std::string ledger_of(int lines) {
  const SigningKey signer = key();
  Chain chain;
  std::string bytes;
  for (int i = 0; i < lines; ++i) {
    const auto next =
        chain.prepare(i == 0 ? Chain::begin({0}, signer.fingerprint()) : note(), signer);
    chain.advance(*next);
    bytes += next->text + "\n";
  }
  return bytes;
}

void sign(benchmark::State& state) {
  const SigningKey signer = key();
  for (auto _ : state) benchmark::DoNotOptimize(signer.sign("bridle-ledger-1 1 00\n"));
}
BENCHMARK(sign);

void append(benchmark::State& state) {
  const Folder folder;
  SystemRandom random;
  const auto ledger = *LedgerFile::open(folder.ledger(), random, {0});
  for (auto _ : state)
    if (!ledger->append(note()).ok()) std::abort();
}
BENCHMARK(append);

void append_and_sync(benchmark::State& state) {
  const Folder folder;
  SystemRandom random;
  const auto ledger = *LedgerFile::open(folder.ledger(), random, {0});
  for (auto _ : state)
    if (!ledger->append(note()).ok() || !ledger->sync().ok()) std::abort();
}
BENCHMARK(append_and_sync)->Unit(benchmark::kMicrosecond);

void verify(benchmark::State& state) {
  const int lines = 2000;
  const std::string bytes = ledger_of(lines);
  const auto signatures = state.range(0) ? Signatures::every : Signatures::last;
  for (auto _ : state) {
    Verifier verifier(key().public_key(), signatures);
    if (!verifier.feed(bytes).ok() || !verifier.finish().ok()) std::abort();
  }
  state.SetItemsProcessed(state.iterations() * lines);
}
BENCHMARK(verify)->ArgName("every_signature")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bridle::ledger
