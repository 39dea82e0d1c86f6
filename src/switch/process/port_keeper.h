// PortKeeper: gives the switch's ports their drivers: vhost-user by path, the others from
// descriptors that the jail handed over (wire/port_record.h), whether they came before or after the
// configuration.
//
// A port whose driver could not be made is tried again when something about it changes, and once a
// second.
//
// Thread class: control.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "switch/control.h"
#include "switch/drivers/frame_pools.h"
#include "switch/switch.h"
#include "wire/port_record.h"

namespace bridle::net {

class PortKeeper {
 public:
  PortKeeper(Switch& of, DriverFactory& factory, std::vector<FramePool*> pools)
      : switch_(of), factory_(factory), pools_(std::move(pools)) {}

  // What came over jail.sock. An error is the sender's.
  Status take(const wire::PortRecord& record, std::vector<Fd> descriptors);
  // Makes the drivers that are wanted and possible. True: some port changed.
  bool attach_wanted(Tick now);

  // State of each port of a report, and why.
  void describe(const PortReport& report, const Port& config, PortStatus& into) const;

 private:
  struct Handed {
    wire::PortRecord record{};
    std::vector<Fd> descriptors;
  };
  struct Failure {
    std::string why;
    Tick at;
  };
  Result<std::unique_ptr<Driver>> open(const Wanted& wanted);
  Result<std::unique_ptr<Driver>> open_handed(Attachment attachment, Handed& handed,
                                              FramePool& pool);

  std::string waits_for(const Port& config) const;

  Switch& switch_;
  DriverFactory& factory_;
  const std::vector<FramePool*> pools_;
  std::map<uint32_t, Handed> handed_;  // by port; taken when a driver is made of it
  std::map<uint32_t, Failure> failures_;
};

// Fixed numbers in their bounds, as many descriptors as its kind has.
Status check_record(const wire::PortRecord& record, size_t descriptors);

}  // namespace bridle::net
