// FakeDriver: a port whose other side is the test: what was push()ed is received, what is sent is
// kept for sent(). The copy that the contract of drivers asks for is made in receive(): what stands
// in the pushed bytes at that moment is the frame. push_view() lends bytes that somebody may write
// to meanwhile (racing writers).
//
// Thread class: the thread that turns the worker.
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "switch/driver.h"
#include "switch/memory_pool.h"

namespace bridle::net::testing {

class FakeDriver final : public Driver {
 public:
  explicit FakeDriver(FramePool& pool, Abilities abilities = {}) : pool_(pool), able_(abilities) {}

  struct Passed {
    std::vector<uint8_t> bytes;
    Offload offload;
  };
  void push(std::vector<uint8_t> bytes, Offload offload = {}) {
    waiting_.push_back({std::move(bytes), offload});
  }
  void push_view(std::span<const volatile uint8_t> bytes) { views_.push_back(bytes); }
  // What was sent since the last call, with what was left to be done.
  std::vector<Passed> sent() { return std::exchange(sent_, {}); }
  void set_up(bool up) { up_ = up; }
  // So many are taken until the next call (a receiver that is slow).
  void set_room(size_t frames) { room_ = frames; }

  size_t receive(std::span<Frame*> into) override {
    size_t count = 0;
    while (count < into.size() && !(waiting_.empty() && views_.empty())) {
      Frame* frame = waiting_.empty() ? take_view() : take_waiting();
      if (frame == nullptr) {
        ++counters_.starved;
        break;
      }
      into[count++] = frame;
    }
    return count;
  }

  size_t send(std::span<Frame* const> frames) override {
    const size_t count = std::min(frames.size(), room_);
    for (size_t i = 0; i < count; ++i) sent_.push_back({bytes_of(*frames[i]), frames[i]->offload});
    for (Frame* frame : frames) release(frame);
    if (room_ != SIZE_MAX) room_ -= count;
    return count;
  }

  bool up() const override { return up_; }
  Abilities abilities() const override { return able_; }
  int wake_descriptor() const override { return -1; }
  bool arm() override { return !waiting_.empty() || !views_.empty(); }
  void disarm() override {}
  DriverCounters counters() const override { return counters_; }
  std::string_view name() const override { return "memory"; }

 private:
  Frame* take_view() {
    const auto bytes = views_.front();
    Frame* frame = pool_.take(static_cast<uint32_t>(bytes.size()));
    if (frame == nullptr) return nullptr;
    for (size_t i = 0; i < bytes.size(); ++i) frame->data[i] = bytes[i];
    views_.pop_front();
    return frame;
  }
  Frame* take_waiting() {
    Frame* frame = frame_of(waiting_.front().bytes, pool_);
    if (frame == nullptr) return nullptr;
    frame->offload = waiting_.front().offload;
    waiting_.pop_front();
    return frame;
  }

  FramePool& pool_;
  Abilities able_;
  std::deque<Passed> waiting_;
  std::deque<std::span<const volatile uint8_t>> views_;
  std::vector<Passed> sent_;
  DriverCounters counters_;
  size_t room_ = SIZE_MAX;
  bool up_ = true;
};

}  // namespace bridle::net::testing
