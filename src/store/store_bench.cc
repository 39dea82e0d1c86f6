// What the store costs: a durable commit, a lazy one, a read, a listing of a thousand objects.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "store/sqlite_store.h"

namespace bridle::store {
namespace {

class Bench {
 public:
  Bench() : path_(::mkdtemp(name_)), store_(*open_sqlite_store(path_ + "/store.db")) {}
  ~Bench() {
    store_.reset();
    (void)remove_tree(path_);
  }
  Store& store() { return *store_; }
  void put(uint64_t n, Durability durability) {
    const std::string key = "/status/machine/lab/" + std::to_string(1000 + n % 1000);
    if (!store_->commit({{Write::Kind::put, key, value_}}, durability).ok()) std::abort();
  }

 private:
  char name_[32] = "/tmp/bt-bench-XXXXXX";
  std::string path_;
  std::unique_ptr<Store> store_;
  const std::string value_ = std::string(1500, 'v');
};

void commit(benchmark::State& state) {
  Bench bench;
  uint64_t n = 0;
  const auto durability = state.range(0) ? Durability::full : Durability::lazy;
  for (auto _ : state) bench.put(++n, durability);
}
BENCHMARK(commit)->ArgName("full")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

void get(benchmark::State& state) {
  Bench bench;
  for (uint64_t n = 0; n < 1000; ++n) bench.put(n, Durability::lazy);
  uint64_t n = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(
        bench.store().get("/status/machine/lab/" + std::to_string(1000 + ++n % 1000)));
}
BENCHMARK(get)->Unit(benchmark::kMicrosecond);

void list_a_thousand(benchmark::State& state) {
  Bench bench;
  for (uint64_t n = 0; n < 1000; ++n) bench.put(n, Durability::lazy);
  for (auto _ : state) benchmark::DoNotOptimize(bench.store().list("/status/"));
}
BENCHMARK(list_a_thousand)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bridle::store
