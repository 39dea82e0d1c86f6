// Chains: frames that are larger than one part of a pool, in and out of system calls.
//
// In: a system call reads into the first part of a frame and, what does not fit there, into a
// scratch area; append() then hangs further parts behind the first. Small frames (nearly all) are
// read in place. Out: gather() names the parts for a vectored write.
//
// Thread class: free functions; one thread a frame.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>

#include "switch/frame.h"

namespace bridle::net {

// Contiguous bytes of one part, in every pool of bridle-switch.
constexpr uint32_t part_bytes = 2048;
// Parts at most of a largest frame, when every part is full but the first and the last.
constexpr size_t most_parts = largest_frame / part_bytes + 3;
// Bytes that a frame may have more than its first part.
constexpr size_t rest_bytes = largest_frame;

// Copies `rest` into further parts from `pool`, behind `frame`, and sets its size. False: the pool
// is empty; the frame has what fitted and is to be released.
bool append(Frame& frame, std::span<const uint8_t> rest, FramePool& pool);

// The parts of a frame in order, at most into.size(). Returns how many; 0: it has more.
size_t gather(const Frame& frame, std::span<iovec> into);

// This thread's scratch areas, rest_bytes each: `count` of them, made when first asked for.
std::span<uint8_t> scratch(size_t index);

// The first `size` bytes of a whole frame, contiguous, in `into`. Returns how many there were.
size_t copy_bytes(const Frame& frame, std::span<uint8_t> into);

}  // namespace bridle::net
