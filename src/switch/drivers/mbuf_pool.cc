#include "switch/drivers/mbuf_pool.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <sys/mman.h>

#include <atomic>
#include <new>

#include "switch/drivers/chain.h"
#include "switch/drivers/eal_seams.h"
#include "switch/drivers/slab_pool.h"

namespace bridle::net {
namespace {

// The room before a frame's bytes is ours and DPDK's at once.
static_assert(RTE_PKTMBUF_HEADROOM >= headroom);
static_assert(sizeof(rte_mbuf) == mbuf_bytes);
constexpr unsigned cached = 256;  // free mbufs that a worker keeps to itself
constexpr uint16_t private_bytes = RTE_ALIGN_CEIL(sizeof(Frame), 64);
constexpr uint16_t room = RTE_PKTMBUF_HEADROOM + part_bytes;
constexpr unsigned flags = RTE_MEMPOOL_F_NO_SPREAD | RTE_MEMPOOL_F_NO_IOVA_CONTIG;
constexpr unsigned element = sizeof(rte_mbuf) + private_bytes + room;

void unmap(rte_mempool_memhdr* memory, void* bytes) {
  ::munmap(memory->addr, reinterpret_cast<size_t>(bytes));
}

void make_frame(rte_mempool*, void* pool, void* mbuf, unsigned) {
  Frame* frame = new (rte_mbuf_to_priv(static_cast<rte_mbuf*>(mbuf))) Frame;
  frame->pool = static_cast<MbufPool*>(pool);
}

Error failed(const char* what) {
  return {Code::exhausted,
          std::string("memory for frames: ") + what + ": " + rte_strerror(rte_errno)};
}

// Every pool there is, so that a frame's can be told from others.
constexpr size_t most_pools = 64;
std::atomic<const FramePool*> pools[most_pools];

bool enlist(const FramePool* pool) {
  for (auto& place : pools) {
    const FramePool* none = nullptr;
    if (place.compare_exchange_strong(none, pool)) return true;
  }
  return false;
}

}  // namespace

bool is_mbuf_pool(const FramePool* pool) {
  for (const auto& place : pools) {
    const FramePool* one = place.load(std::memory_order_relaxed);
    if (one == pool) return true;
    if (one == nullptr) return false;
  }
  return false;
}

Result<std::unique_ptr<MbufPool>> MbufPool::make(const std::string& name, size_t frames) {
  rte_mempool* pool = rte_mempool_create_empty(name.c_str(), static_cast<unsigned>(frames), element,
                                               cached, sizeof(rte_pktmbuf_pool_private), -1, flags);
  if (pool == nullptr) return failed("descriptor");
  std::unique_ptr<MbufPool> result(new MbufPool(pool, frames));
  rte_pktmbuf_pool_private about{};
  about.mbuf_data_room_size = room;
  about.mbuf_priv_size = private_bytes;
  if (rte_mempool_set_ops_byname(pool, "ring_mp_mc", nullptr) != 0) return failed("ring");
  rte_pktmbuf_pool_init(pool, &about);
  size_t bytes = frames * rte_mempool_calc_obj_size(element, flags, nullptr) + 4096;
  uint8_t* memory = map_pages(bytes);
  if (memory == nullptr) return failed("pages");
  const int placed = rte_mempool_populate_virt(pool, reinterpret_cast<char*>(memory), bytes,
                                               2 << 20, unmap, reinterpret_cast<void*>(bytes));
  if (placed < 0) {
    ::munmap(memory, bytes);
    return failed("placing");
  }
  if (static_cast<size_t>(placed) < frames) return failed("too little");
  if (!enlist(result.get())) return failed("too many pools");
  rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
  rte_mempool_obj_iter(pool, make_frame, result.get());
  return result;
}

MbufPool::~MbufPool() {
  // A place that was used stays used, so that the list has no holes.
  for (auto& place : pools)
    if (place.load() == this) place.store(reinterpret_cast<const FramePool*>(&place));
  rte_mempool_free(pool_);
}

size_t MbufPool::available() const { return rte_mempool_avail_count(pool_); }

Frame* MbufPool::take(uint32_t head) {
  if (head > part_bytes) return nullptr;
  rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
  if (mbuf == nullptr) return nullptr;
  auto* frame = new (frame_of(mbuf)) Frame;
  frame->data = rte_pktmbuf_mtod(mbuf, uint8_t*);
  frame->head = frame->size = head;
  frame->pool = this;
  return frame;
}

// The mbufs' own links are not looked at: only the frame's say what belongs together.
void MbufPool::give(Frame* frame) {
  while (frame != nullptr) {
    Frame* next = frame->next;
    rte_mbuf* mbuf = mbuf_of(frame);
    mbuf->next = nullptr;
    mbuf->nb_segs = 1;
    rte_mempool_put(pool_, mbuf);
    frame = next;
  }
}

void MbufPool::give_all(std::span<Frame* const> frames) {
  void* mbufs[64];
  size_t count = 0;
  for (Frame* frame : frames) {
    if (frame->pool != this || frame->next != nullptr) {
      release(frame);
      continue;
    }
    rte_mbuf* mbuf = mbuf_of(frame);
    mbuf->next = nullptr;
    mbuf->nb_segs = 1;
    mbufs[count++] = mbuf;
    if (count < std::size(mbufs)) continue;
    rte_mempool_put_bulk(pool_, mbufs, static_cast<unsigned>(count));
    count = 0;
  }
  if (count > 0) rte_mempool_put_bulk(pool_, mbufs, static_cast<unsigned>(count));
}

void MbufPool::register_thread() {
  const EalStarting starting;
  if (rte_lcore_id() == LCORE_ID_ANY) rte_thread_register();
}

}  // namespace bridle::net
