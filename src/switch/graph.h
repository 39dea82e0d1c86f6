// Graph: the modules of one snapshot, in order, and for each port those that it needs: a port that
// a module has nothing to do for never calls it.
//
// Thread class: immutable.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "switch/module.h"

namespace bridle::net {

struct Step {
  const Module* module = nullptr;
  const ModuleKind* kind = nullptr;
};

class Graph {
 public:
  // REQUIRES: check_modules(snapshot.config().modules).
  explicit Graph(const Snapshot& snapshot);

  std::span<const Step> ingress(PortIndex port) const { return ranges_[port].of(0, steps_); }
  std::span<const Step> egress(PortIndex port) const { return ranges_[port].of(1, steps_); }

 private:
  struct Range {
    uint32_t begin[2] = {}, count[2] = {};
    std::span<const Step> of(size_t stage, const std::vector<Step>& steps) const {
      return {steps.data() + begin[stage], count[stage]};
    }
  };
  std::vector<std::unique_ptr<const Module>> modules_;
  std::vector<Step> all_[2];  // in order, of each stage
  std::vector<Step> steps_;   // of each port, one after the other
  std::vector<Range> ranges_;
};

// Known names, each at most once a stage, `forward` once, needs fulfilled. Empty: the default list.
Status check_modules(const std::vector<std::string>& names);

}  // namespace bridle::net
