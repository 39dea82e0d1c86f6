// Rates: token buckets by name. Each name has `burst` calls at once and `a_second` more each
// second. At most max_names are remembered; those that are full again are forgotten first, for
// forgetting them changes nothing.
//
// Thread class: a value; whoever holds it brings the time.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace bridle::api {

class Rates {
 public:
  static constexpr size_t max_names = 4096;

  Rates(double a_second, double burst) : a_second_(a_second), burst_(burst) {}
  void set(double a_second, double burst) {
    a_second_ = a_second;
    burst_ = burst;
  }

  // Takes one call of the name's. False: it has none left.
  bool allow(std::string_view name, Tick now) {
    auto at = buckets_.find(name);
    if (at == buckets_.end()) {
      // Too many names at once, all of them busy: nobody new for a moment.
      if (buckets_.size() >= max_names && !forget_full(now)) return false;
      at = buckets_.emplace(std::string(name), Bucket{burst_, now}).first;
    }
    Bucket& bucket = at->second;
    fill(bucket, now);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }
  size_t names() const { return buckets_.size(); }

 private:
  struct Bucket {
    double left;
    Tick at;
  };
  void fill(Bucket& bucket, Tick now) const {
    const double passed = std::chrono::duration<double>(now - bucket.at).count();
    bucket.left = std::min(burst_, bucket.left + passed * a_second_);
    bucket.at = now;
  }
  bool forget_full(Tick now) {
    for (auto& [name, bucket] : buckets_) fill(bucket, now);
    return std::erase_if(buckets_, [&](const auto& entry) { return entry.second.left >= burst_; }) >
           0;
  }

  double a_second_, burst_;
  std::map<std::string, Bucket, std::less<>> buckets_;
};

}  // namespace bridle::api
