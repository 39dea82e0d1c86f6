#include "daemon/engine.h"

#include <fcntl.h>

#include <algorithm>
#include <csignal>

#include "base/file.h"
#include "base/log.h"
#include "image/take_in.h"

namespace bridle::daemon {
namespace {

std::string record_path(const Layout& layout) { return layout.state() + "/kvm.json"; }

}  // namespace

EngineKeeper::EngineKeeper(Loop& loop, Clock& clock, Random& random, const Layout& layout,
                           JailLink& jail, std::function<void()> changed)
    : loop_(loop),
      clock_(clock),
      random_(random),
      layout_(layout),
      jail_(jail),
      changed_(std::move(changed)) {
  if (auto facts = machine::host_facts(); facts.ok()) host_ = *std::move(facts);
  if (const auto text = read_file(record_path(layout_), 1 << 16); text.ok())
    if (auto record = machine::decode_probe_record(*text); record.ok()) cached_ = *record;
  // Without an image only the record can tell; its key is compared when there is one.
  choice_ = machine::choose_engine(host_, cached_ ? cached_->key : "", cached_);
  if (choice_.must_probe) choice_.why = "KVM is tried as soon as an image is ready";
}

void EngineKeeper::consider(const std::vector<model::ImageStatus>& images) {
  if (uuid_) return;  // a probe runs
  const model::ImageStatus* first = nullptr;
  for (const auto& image : images) {
    if (image.kernel.digest.empty() || image.initrd.digest.empty()) continue;
    if (cached_ && cached_->key == key_of(image)) return choose(cached_->key);
    if (first == nullptr) first = &image;
  }
  if (first == nullptr) return;
  choose(key_of(*first));
  if (choice_.must_probe && jail_.is_up()) probe(*first);
}

std::string EngineKeeper::key_of(const model::ImageStatus& image) const {
  return machine::probe_key(host_, image.kernel.digest, image.initrd.digest);
}

void EngineKeeper::choose(const std::string& key) {
  const auto before = choice_.engine;
  choice_ = machine::choose_engine(host_, key, cached_);
  if (choice_.engine != before) changed_();
}

void EngineKeeper::probe(const model::ImageStatus& image) {
  image_ = image;
  nonce_ = machine::probe_nonce(random_);
  uuid_ = Uuid::random(random_);
  probe_ = std::make_unique<machine::Probe>(key_of(image), nonce_);
  log::info("probing KVM with a real kernel", {{"kernel", image.kernel.digest.substr(0, 12)}});
  feed(machine::ProbeBegin{});
}

void EngineKeeper::feed(const machine::ProbeInput& input) {
  if (!probe_) return;
  auto actions = probe_->step(clock_.now(), input);
  for (auto& action : actions) carry_out(action);
  timer_.reset();
  if (!probe_) return;
  if (const auto due = probe_->deadline())
    timer_ = loop_.after(std::max(*due - clock_.now(), Duration(0)),
                         [this] { feed(machine::ProbeTick{}); });
}

void EngineKeeper::carry_out(machine::ProbeAction& action) {
  if (std::holds_alternative<machine::ProbeStart>(action)) return start();
  if (const auto* ending = std::get_if<machine::ProbeEnd>(&action)) return end(ending->kill);
  done(std::get<machine::ProbeDone>(action).record);
}

void EngineKeeper::start() {
  const auto begin = [this]() -> Status {
    BRIDLE_TRY(const machine::Launch launch,
               machine::probe_launch(*uuid_, image::part_path(layout_, image_.kernel.digest),
                                     image::part_path(layout_, image_.initrd.digest),
                                     image_.kernel_arguments, nonce_));
    BRIDLE_TRY(const Fd arguments, sealed_memfd("probe", machine::argument_bytes(launch)));
    jail::StartOrder order;
    order.machine = {*uuid_, 1};
    order.boot = 1;
    order.slot = probe_slot;
    order.use_kvm = true;
    order.limits.cpu_shares = 1000;
    std::vector<Fd> files;
    std::vector<int> descriptors{arguments.get()};
    for (const auto& need : launch.files) {
      BRIDLE_TRY(Fd file, open_file(need.path, O_RDONLY));
      order.files.push_back(need.use);
      descriptors.push_back(file.get());
      files.push_back(std::move(file));
    }
    BRIDLE_TRY(const jail::Request request, jail::make_start(0, order));
    jail_.ask(request, descriptors, [this](Result<jail::Answer> reply) {
      if (!reply.ok()) return give_up(reply.error().message());
      watch_console();
    });
    return {};
  };
  if (const Status begun = begin(); !begun.ok())
    loop_.post([this, why = begun.error().message()] { give_up(why); });
}

void EngineKeeper::give_up(const std::string& why) {
  log::warning("KVM was not probed; it is tried again with the next image", {{"why", why}});
  choice_.why = "KVM was not probed: " + why;
  forget_guest();
  uuid_.reset();
}

void EngineKeeper::forget_guest() {
  timer_.reset();
  // The caller may be one of them: they go when the stack is unwound.
  loop_.post([link = std::move(link_), console = std::move(console_),
              probe = std::shared_ptr<machine::Probe>(std::move(probe_))] {});
  link_.reset();
  console_.reset();
}

void EngineKeeper::watch_console() {
  const std::string folder = layout_.guest(*uuid_);
  GuestLink::Callbacks quiet;
  quiet.monitor_up = [](machine::qmp::RunState, const std::string&) {};
  quiet.monitor_event = [](const machine::qmp::Event&) {};
  quiet.monitor_down = [](const std::string&) {};
  quiet.agent_ready = [](const std::string&) {};
  link_ = std::make_shared<GuestLink>(loop_, clock_, random_, folder, std::move(quiet));
  machine::MonitorOptions options;
  options.fresh = true;
  link_->attach_monitor(std::move(options));
  StreamLink::Callbacks callbacks;
  callbacks.up = [this] { console_->send("console 65536\n"); };
  callbacks.bytes = [this](std::string_view bytes) { feed(machine::ProbeSerial{bytes}); };
  callbacks.down = [] {};
  console_ = std::make_shared<StreamLink>(loop_, folder + "/attendant.sock", StreamLink::Retry::yes,
                                          std::move(callbacks));
}

void EngineKeeper::end(bool alive) {
  if (!alive) return;
  jail_.ask(jail::make_signal(0, *uuid_, SIGKILL), {}, [](Result<jail::Answer>) {});
}

void EngineKeeper::done(const machine::ProbeRecord& record) {
  log::info("KVM was probed", {{"boots", record.boots ? "yes" : "no"}, {"why", record.why}});
  cached_ = record;
  if (const Status kept = write_file_durably(record_path(layout_), machine::encode(record));
      !kept.ok())
    log::warning("the probe's answer was not kept", {{"why", kept.error().message()}});
  forget_guest();
  choose(record.key);
}

void EngineKeeper::exited(const jail::Answer&) {
  feed(machine::ProbeExited{"QEMU ended by itself"});
  jail_.ask(jail::make_request(jail::Verb::release, 0, *uuid_), {}, [](Result<jail::Answer>) {});
  // From now on the controller may see it: if it is still in the jail's list, it is an orphan.
  uuid_.reset();
}

}  // namespace bridle::daemon
