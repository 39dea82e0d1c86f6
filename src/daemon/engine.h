// EngineKeeper: knows what executes guests on this host, and finds out when it does not: it runs
// the KVM probe (machine/probe.h) through the jail, as a guest of its own that the controller does
// not see, as soon as there is an image to boot, and keeps the answer in ROOT/state/kvm.json.
//
// Until a probe has succeeded the engine is TCG.
//
// Thread class: the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/layout.h"
#include "base/random.h"
#include "daemon/guest_link.h"
#include "daemon/jail_link.h"
#include "daemon/loop.h"
#include "machine/probe.h"
#include "model/image.h"

namespace bridle::daemon {

class EngineKeeper {
 public:
  // changed: the engine is another one now.
  EngineKeeper(Loop& loop, Clock& clock, Random& random, const Layout& layout, JailLink& jail,
               std::function<void()> changed);

  machine::Engine engine() const { return choice_.engine; }
  const std::string& why() const { return choice_.why; }
  // The guest slot that only probes use.
  static constexpr uint32_t probe_slot = Layout::max_slot;
  // Of the probe that runs; the jail's list shows it, the controller must not.
  bool is_probe(const Uuid& uuid) const { return uuid_ == uuid; }

  // The images that can be booted: an answer that is of one of them counts; if there is none, the
  // first is probed.
  void consider(const std::vector<model::ImageStatus>& images);
  // From the jail, unasked.
  void exited(const jail::Answer& answer);

 private:
  std::string key_of(const model::ImageStatus& image) const;
  void choose(const std::string& key);
  void probe(const model::ImageStatus& image);
  void feed(const machine::ProbeInput& input);
  void carry_out(machine::ProbeAction& action);
  void start();
  void end(bool alive);
  void give_up(const std::string& why);
  void forget_guest();
  void done(const machine::ProbeRecord& record);
  void watch_console();

  Loop& loop_;
  Clock& clock_;
  Random& random_;
  const Layout& layout_;
  JailLink& jail_;
  std::function<void()> changed_;
  machine::HostFacts host_;
  std::optional<machine::ProbeRecord> cached_;
  machine::EngineChoice choice_;

  model::ImageStatus image_;
  std::string nonce_;
  std::optional<Uuid> uuid_;
  std::unique_ptr<machine::Probe> probe_;
  std::unique_ptr<Handle> timer_;
  std::shared_ptr<GuestLink> link_;
  std::shared_ptr<StreamLink> console_;
};

}  // namespace bridle::daemon
