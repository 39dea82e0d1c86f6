// What tests of drivers share: frames of known bytes, in one part or many, and what arrived of
// them.
//
// Thread class: free functions, for tests.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "switch/driver.h"
#include "switch/drivers/chain.h"
#include "switch/drivers/slab_pool.h"

namespace bridle::net::testing {

inline std::vector<uint8_t> pattern(size_t size, uint8_t seed = 1) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(seed + i * 7 + i / 251);
  return bytes;
}

inline Frame* make_frame(FramePool& pool, const std::vector<uint8_t>& bytes) {
  const auto head = static_cast<uint32_t>(std::min<size_t>(bytes.size(), part_bytes));
  Frame* frame = pool.take(head);
  EXPECT_NE(frame, nullptr);
  std::memcpy(frame->data, bytes.data(), head);
  EXPECT_TRUE(append(*frame, std::span(bytes).subspan(head), pool));
  return frame;
}

inline std::vector<uint8_t> bytes_of(const Frame& frame) {
  std::vector<uint8_t> bytes(frame.size);
  EXPECT_EQ(copy_bytes(frame, bytes), frame.size);
  return bytes;
}

inline std::vector<std::vector<uint8_t>> only(const std::vector<uint8_t>& frame) {
  return std::vector<std::vector<uint8_t>>(1, frame);
}

inline std::unique_ptr<SlabPool> make_pool(size_t frames = 512) {
  auto pool = SlabPool::make(frames);
  EXPECT_TRUE(pool.ok());
  return *std::move(pool);
}

// All that comes within a second, until `count` are there.
inline std::vector<std::vector<uint8_t>> receive_all(Driver& driver, size_t count) {
  std::vector<std::vector<uint8_t>> all;
  for (int turn = 0; turn < 100'000 && all.size() < count; ++turn) {
    Frame* frames[burst];
    const size_t got = driver.receive(frames);
    for (size_t i = 0; i < got; ++i) {
      all.push_back(bytes_of(*frames[i]));
      release(frames[i]);
    }
  }
  return all;
}

inline size_t send_one(Driver& driver, FramePool& pool, const std::vector<uint8_t>& bytes) {
  Frame* frame = make_frame(pool, bytes);
  return driver.send({&frame, 1});
}

}  // namespace bridle::net::testing
