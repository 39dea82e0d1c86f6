// Random: where unpredictable bytes come from; a seam, so that the simulator can seed it.
#pragma once

#include <cstdint>
#include <span>

namespace bridle {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<uint8_t> out) = 0;
  uint64_t u64();
  // Uniform in [0, bound). REQUIRES: bound > 0.
  uint64_t below(uint64_t bound);
};

// getrandom(2). Never fails: without entropy it waits.
class SystemRandom final : public Random {
 public:
  void fill(std::span<uint8_t> out) override;
};

// xoshiro256**: the same sequence for the same seed, for ever. Not for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed);
  void fill(std::span<uint8_t> out) override;

 private:
  uint64_t next();
  uint64_t state_[4];
};

}  // namespace bridle
