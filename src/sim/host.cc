#include "sim/host.h"

#include "model/image.h"

namespace bridle::sim {

Host::Host(std::string name, Timeline& time, Checks& checks, uint64_t seed, Plant plant)
    : name_(std::move(name)),
      time_(time),
      checks_(checks),
      dice_(seed),
      plant_(plant),
      ledger_(checks),
      jail_(time, dice_, checks, plant) {
  jail_.tell = [this](Body body, Duration delay) {
    uint64_t connection = connection_;
    uint64_t life = life_;
    uint64_t jail_life = jail_life_;
    if (!jail_connected_) return;
    time_.after(delay, [this, connection, life, jail_life, body = std::move(body)]() mutable {
      if (life == life_ && jail_connected_ && connection == connection_ && jail_life == jail_life_)
        step(std::move(body));
    });
  };
  jail_.on_death = [this](const Qemu& qemu) {
    if (auto turn = turns_.find(qemu.uuid); turn != turns_.end()) turn->second.ended = time_.now();
    drop_link(qemu.uuid);
  };
}

void Host::begin() {
  start_daemon();
  create_image();
}

}  // namespace bridle::sim
