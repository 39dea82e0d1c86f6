#include "switch/capture.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace bridle::net {
namespace {

// What stands before a frame's bytes in a ring.
struct Entry {
  Tick when;
  uint32_t port, size, kept;  // bytes of the frame, and of it here
  CaptureEvent event;
  Drop reason;
};

}  // namespace

// Bytes of one producer and one consumer; positions only rise.
class CaptureTap::Ring {
 public:
  explicit Ring(size_t bytes) : bytes_(bytes) {}

  void put(const Frame& frame, const Entry& entry) {
    const uint64_t end = end_.load(std::memory_order_relaxed);
    const size_t needs = sizeof(Entry) + entry.kept;
    if (bytes_.size() - (end - begin_.load(std::memory_order_acquire)) < needs) {
      missed_.store(missed_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return;
    }
    write(end, &entry, sizeof(entry));
    uint64_t at = end + sizeof(entry);
    uint32_t left = entry.kept;
    for (const Frame* part = &frame; left > 0; part = part->next) {
      const uint32_t now = std::min(left, part->head);
      write(at, part->data, now);
      at += now, left -= now;
    }
    end_.store(end + needs, std::memory_order_release);
  }

  bool take(CapturedFrame& out) {
    const uint64_t begin = begin_.load(std::memory_order_relaxed);
    if (begin == end_.load(std::memory_order_acquire)) return false;
    Entry entry;
    read(begin, &entry, sizeof(entry));
    out = {entry.when, entry.port, entry.event, entry.reason, entry.size, {}};
    out.bytes.resize(entry.kept);
    read(begin + sizeof(entry), out.bytes.data(), entry.kept);
    begin_.store(begin + sizeof(entry) + entry.kept, std::memory_order_release);
    return true;
  }
  uint64_t missed() const { return missed_.load(std::memory_order_relaxed); }

 private:
  void write(uint64_t at, const void* from, size_t count) {
    const size_t place = at % bytes_.size(), first = std::min(count, bytes_.size() - place);
    std::memcpy(bytes_.data() + place, from, first);
    std::memcpy(bytes_.data(), static_cast<const uint8_t*>(from) + first, count - first);
  }
  void read(uint64_t at, void* into, size_t count) const {
    const size_t place = at % bytes_.size(), first = std::min(count, bytes_.size() - place);
    if (count == 0) return;
    std::memcpy(into, bytes_.data() + place, first);
    std::memcpy(static_cast<uint8_t*>(into) + first, bytes_.data(), count - first);
  }

  std::vector<uint8_t> bytes_;
  alignas(64) std::atomic<uint64_t> end_{0};
  alignas(64) std::atomic<uint64_t> begin_{0};
  std::atomic<uint64_t> missed_{0};
};

CaptureTap::CaptureTap(CaptureFilter filter, size_t bytes, size_t workers)
    : filter_(std::move(filter)) {
  BRIDLE_ASSERT(bytes >= sizeof(Entry));
  std::sort(filter_.ports.begin(), filter_.ports.end());
  for (size_t i = 0; i < workers; ++i) rings_.push_back(std::make_unique<Ring>(bytes));
}

CaptureTap::~CaptureTap() = default;

bool CaptureTap::wants(CaptureEvent event, uint32_t port) const {
  const bool wanted = event == CaptureEvent::received ? filter_.received
                      : event == CaptureEvent::sent   ? filter_.sent
                                                      : filter_.dropped;
  return wanted && (filter_.ports.empty() ||
                    std::binary_search(filter_.ports.begin(), filter_.ports.end(), port));
}

void CaptureTap::put(size_t worker, const Frame& frame, const CapturedFrame& about) {
  rings_[worker]->put(frame, {about.when, about.port, frame.size,
                              std::min(frame.size, filter_.snap), about.event, about.reason});
}

size_t CaptureTap::drain(const std::function<void(const CapturedFrame&)>& sink) {
  size_t count = 0;
  CapturedFrame frame;
  for (const auto& ring : rings_)
    for (; ring->take(frame); ++count) sink(frame);
  return count;
}

uint64_t CaptureTap::missed() const {
  uint64_t sum = 0;
  for (const auto& ring : rings_) sum += ring->missed();
  return sum;
}

}  // namespace bridle::net
