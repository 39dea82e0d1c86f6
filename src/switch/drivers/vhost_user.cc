#include "switch/drivers/vhost_user.h"

#include <rte_mbuf.h>
#include <rte_vhost.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "switch/drivers/hazards.h"
#include "switch/drivers/mbuf_pool.h"
#include "switch/drivers/vhost_device.h"
#include "switch/drivers/vhost_frames.h"
#include "switch/drivers/vhost_relay.h"
#include "wire/socket.h"

namespace bridle::net {
namespace {

constexpr uint64_t bit(unsigned number) { return uint64_t{1} << number; }

// What rte_vhost offers and guests do not get: layouts and requests that VhostCheck does not know,
// and UDP fragmentation, which no port can finish.
constexpr unsigned guest_ufo = 10, host_ufo = 14, iommu = 33, packed_ring = 34;
constexpr uint64_t not_offered = bit(packed_ring) | bit(iommu) | bit(host_ufo) | bit(guest_ufo);
// MQ, LOG_SHMFD, RARP, REPLY_ACK, MTU.
constexpr uint64_t protocol_features = bit(0) | bit(1) | bit(2) | bit(3) | bit(4);

// Who has which of rte_vhost's sockets: its callbacks name a device only.
struct Registry {
  std::mutex mutex;
  std::map<std::string, VhostDevice*> devices;  // by path; also held while one is used
};
Registry& registry() {
  static Registry one;
  return one;
}

template <typename Use>
void with_device(int vid, Use use) {
  char path[128] = {};
  if (rte_vhost_get_ifname(vid, path, sizeof path) != 0) return;
  const std::lock_guard lock(registry().mutex);
  const auto found = registry().devices.find(path);
  if (found != registry().devices.end()) use(*found->second);
}

int on_new(int vid) {
  with_device(vid, [&](VhostDevice& device) { device.attach(vid); });
  return 0;
}
void on_gone(int vid) {
  with_device(vid, [&](VhostDevice& device) {
    if (device.vid() == vid) device.detach();
  });
}
int on_queue(int vid, uint16_t queue, int enabled) {
  with_device(vid, [&](VhostDevice& device) { device.queue_changed(vid, queue, enabled != 0); });
  return 0;
}

const rte_vhost_device_ops& operations() {
  static const rte_vhost_device_ops all = [] {
    rte_vhost_device_ops ops{};
    ops.new_device = on_new;
    ops.destroy_device = on_gone;
    ops.vring_state_changed = on_queue;
    return ops;
  }();
  return all;
}

Status failed(const char* what) {
  return Error(Code::internal, std::string("a vhost-user port: ") + what);
}

Status register_socket(const std::string& path) {
  if (rte_vhost_driver_register(path.c_str(), RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS) != 0)
    return failed("registering its socket");
  const bool set = rte_vhost_driver_disable_features(path.c_str(), not_offered) == 0 &&
                   rte_vhost_driver_set_protocol_features(path.c_str(), protocol_features) == 0 &&
                   rte_vhost_driver_callback_register(path.c_str(), &operations()) == 0 &&
                   rte_vhost_driver_start(path.c_str()) == 0;
  if (set) return {};
  rte_vhost_driver_unregister(path.c_str());
  return failed("starting its socket");
}

// rte_vhost's thread looks at new listening sockets when its poll() ends, after a second; only a
// new connection as a client wakes it. So one is made, to a socket of our own, and taken back.
class Bell {
 public:
  Status hang(const std::string& folder) {
    path_ = folder + "/bell.sock";
    BRIDLE_TRY(listener_, wire::listen_unix(path_, SOCK_STREAM | SOCK_NONBLOCK, 0600));
    return {};
  }
  Status ring() const {
    constexpr uint64_t client = RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_NO_RECONNECT;
    if (rte_vhost_driver_register(path_.c_str(), client) != 0) return failed("waking rte_vhost");
    const bool rung = rte_vhost_driver_callback_register(path_.c_str(), &operations()) == 0 &&
                      rte_vhost_driver_start(path_.c_str()) == 0;
    rte_vhost_driver_unregister(path_.c_str());
    while (wire::accept_unix(listener_.get()).ok()) {
    }
    return rung ? Status() : failed("waking rte_vhost");
  }

 private:
  std::string path_;
  Fd listener_;
};

}  // namespace

class VhostHub::Inside {
 public:
  std::string folder;
  Bell bell;
  std::unique_ptr<VhostRelay> relay;
  std::map<uint32_t, std::weak_ptr<VhostLinkFacts>> facts;
};

namespace {

class VhostUserDriver final : public Driver {
 public:
  VhostUserDriver(VhostRelay& relay, std::string own_path, Fd epoll, MbufPool& pool)
      : relay_(relay), own_path_(std::move(own_path)), pool_(pool), device_(std::move(epoll)) {}
  ~VhostUserDriver() override;
  Status start(const std::string& guest_path);

  size_t receive(std::span<Frame*> into) override;
  size_t send(std::span<Frame* const> frames) override;
  bool up() const override { return device_.gate().is_open(); }
  Abilities abilities() const override { return device_.abilities(); }
  int wake_descriptor() const override { return device_.wake_descriptor(); }
  bool arm() override;
  void disarm() override {}  // went_on()
  DriverCounters counters() const override;
  std::string_view name() const override { return "vhost-user"; }

  const std::shared_ptr<VhostLinkFacts>& facts() const { return facts_; }

 private:
  size_t receive_inside(std::span<Frame*> into);
  size_t send_inside(std::span<Frame* const> frames);
  bool arm_inside();
  void went_on();
  void notify(bool wanted);
  void check_hazards(uint64_t before);

  VhostRelay& relay_;
  const std::string own_path_;
  MbufPool& pool_;
  VhostDevice device_;
  const std::shared_ptr<VhostLinkFacts> facts_ = std::make_shared<VhostLinkFacts>();
  uint64_t link_ = 0;
  bool started_ = false;
  MbufShells shells_;
  uint32_t next_pair_ = 0;         // receive: whose turn it is
  bool armed_ = false;             // receive: guests are told to kick,
  uint64_t armed_connection_ = 0;  // of this connection
  uint32_t fruitless_ = 0;         // receive: calls of arm() that saw what was then not there
  std::atomic<uint64_t> malformed_{0}, starved_{0};
};

VhostUserDriver::~VhostUserDriver() {
  if (link_ != 0) relay_.remove(link_);
  if (started_) rte_vhost_driver_unregister(own_path_.c_str());
  const std::lock_guard lock(registry().mutex);
  registry().devices.erase(own_path_);
}

Status VhostUserDriver::start(const std::string& guest_path) {
  {
    const std::lock_guard lock(registry().mutex);
    registry().devices[own_path_] = &device_;
  }
  BRIDLE_CHECK(register_socket(own_path_));
  started_ = true;
  link_ = relay_.add(guest_path, own_path_, facts_);
  return {};
}

DriverCounters VhostUserDriver::counters() const {
  return {.malformed = malformed_.load() + facts_->refused.load(),
          .starved = starved_.load(),
          .reconnects = facts_->connects.load()};
}

// The other side took its memory away, or made its eventfd block.
void VhostUserDriver::check_hazards(uint64_t before) {
  if (hazards_met() == before) [[likely]]
    return;
  device_.gate().shut();
  relay_.reset(link_);
}

size_t VhostUserDriver::receive(std::span<Frame*> into) {
  if (!device_.gate().enter(Gate::receiver)) return 0;
  const uint64_t before = hazards_met();
  const size_t count = receive_inside(into);
  check_hazards(before);
  device_.gate().leave(Gate::receiver);
  return count;
}

size_t VhostUserDriver::receive_inside(std::span<Frame*> into) {
  const uint32_t pairs = device_.pairs();
  rte_mbuf* mbufs[burst];
  size_t count = 0;
  for (uint32_t turn = 0; turn < pairs && count < into.size(); ++turn) {
    const auto queue = static_cast<uint16_t>(2 * (next_pair_++ % pairs) + 1);
    const auto most = static_cast<uint16_t>(std::min(into.size() - count, burst));
    const uint16_t got =
        rte_vhost_dequeue_burst(device_.vid(), queue, pool_.mempool(), mbufs, most);
    const size_t good = frames_from({mbufs, got}, pool_, &into[count]);
    if (good < got) malformed_.fetch_add(got - good, std::memory_order_relaxed);
    count += good;
  }
  if (count > 0) went_on();
  return count;
}

void VhostUserDriver::went_on() {
  fruitless_ = 0;
  if (armed_ && !device_.kicks_by_index()) notify(false);
  armed_ = false;
}

void VhostUserDriver::notify(bool wanted) {
  for (uint32_t pair = 0; pair < device_.pairs(); ++pair)
    rte_vhost_enable_guest_notification(device_.vid(), static_cast<uint16_t>(2 * pair + 1),
                                        wanted ? 1 : 0);
}

size_t VhostUserDriver::send(std::span<Frame* const> frames) {
  size_t sent = 0;
  if (device_.gate().enter(Gate::sender)) {
    const uint64_t before = hazards_met();
    sent = send_inside(frames);
    check_hazards(before);
    device_.gate().leave(Gate::sender);
  }
  if (!frames.empty()) frames.front()->pool->give_all(frames);
  return sent;
}

size_t VhostUserDriver::send_inside(std::span<Frame* const> frames) {
  rte_mbuf* mbufs[burst];
  size_t sent = 0;
  while (sent < frames.size()) {
    const auto some = frames.subspan(sent, std::min(burst, frames.size() - sent));
    const uint16_t ready = shells_.prepare(some, &pool_, mbufs);
    if (ready == 0) break;
    const uint16_t done = rte_vhost_enqueue_burst(device_.vid(), 0, mbufs, ready);
    sent += done;
    if (done < ready) break;
  }
  return sent;
}

bool VhostUserDriver::arm() {
  if (!device_.gate().enter(Gate::receiver)) return false;
  const uint64_t before = hazards_met();
  const bool something = arm_inside();
  check_hazards(before);
  device_.gate().leave(Gate::receiver);
  return something;
}

// A ring that says that there is something, again and again, while nothing can be taken lies: it is
// believed the next time its guest kicks.
bool VhostUserDriver::arm_inside() {
  constexpr uint32_t patience = 4;
  const uint64_t connection = facts_->connects.load(std::memory_order_relaxed);
  if (!armed_ || connection != armed_connection_) notify(true);
  armed_ = true;
  armed_connection_ = connection;
  bool something = false;
  for (uint32_t pair = 0; pair < device_.pairs(); ++pair) {
    const auto queue = static_cast<uint16_t>(2 * pair + 1);
    something |= rte_vhost_rx_queue_count(device_.vid(), queue) > 0;
  }
  if (!something || ++fruitless_ < patience) return something;
  malformed_.fetch_add(1, std::memory_order_relaxed);
  fruitless_ = 0;
  return false;
}

}  // namespace

Result<std::unique_ptr<VhostHub>> VhostHub::start(const std::string& folder) {
  BRIDLE_CHECK(start_eal(folder));
  auto inside = std::make_unique<Inside>();
  inside->folder = folder;
  BRIDLE_TRY(inside->relay, VhostRelay::start());
  // rte_vhost makes its thread with its first socket; later the process makes no threads any more.
  BRIDLE_CHECK(inside->bell.hang(folder));
  BRIDLE_CHECK(inside->bell.ring());
  return std::unique_ptr<VhostHub>(new VhostHub(std::move(inside)));
}

VhostHub::VhostHub(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
VhostHub::~VhostHub() = default;

Result<std::unique_ptr<Driver>> VhostHub::open(const std::string& path, uint32_t id,
                                               MbufPool& pool) {
  const std::string own = inside_->folder + "/v" + std::to_string(id) + ".sock";
  if (own.size() > 100 || path.size() > 107)
    return Error(Code::invalid, "a vhost-user port: a path that no socket has");
  ::unlink(own.c_str());  // of a process that was killed
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return errno_error("a vhost-user port");
  auto driver = std::make_unique<VhostUserDriver>(*inside_->relay, own, std::move(epoll), pool);
  BRIDLE_CHECK(driver->start(path));
  BRIDLE_CHECK(inside_->bell.ring());
  inside_->facts[id] = driver->facts();
  return driver;
}

std::string VhostHub::refusal(uint32_t id) const {
  const auto found = inside_->facts.find(id);
  const auto facts = found == inside_->facts.end() ? nullptr : found->second.lock();
  if (!facts) return {};
  const std::lock_guard lock(facts->mutex);
  return facts->last_refusal;
}

}  // namespace bridle::net
