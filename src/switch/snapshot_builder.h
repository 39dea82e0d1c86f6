// SnapshotBuilder: from a Config to a Snapshot, one subject after the other; the first thing that
// makes no sense ends it, named by its path in the Config. Internal to snapshot*.cc.
//
// Thread class: one use, one thread.
#pragma once

#include <map>
#include <string>

#include "switch/snapshot.h"

namespace bridle::net {

class SnapshotBuilder {
 public:
  explicit SnapshotBuilder(Config config);
  Result<std::shared_ptr<const Snapshot>> build();

 private:
  // snapshot_builder.cc
  Status check_sizes() const;
  Status number_groups();
  Status number_ports();
  Status check_group(size_t index) const;
  Status check_port(size_t index) const;
  Status view_port(PortIndex index);
  void set_vlan(const Port& port, PortView& view) const;
  void judge_machines();
  Status check_mirrors() const;
  // snapshot_tables.cc
  Status build_trunks();
  Status build_trunk(PortIndex index, const std::map<uint16_t, GroupIndex>& by_vlan);
  void build_members();
  void collect_members(std::vector<std::vector<PortIndex>>& members) const;
  Status build_uplinks(GroupIndex group, const std::vector<PortIndex>& members);
  Status build_destinations();
  Status add_destination(GroupIndex group, PortIndex port, MacAddress mac, bool effective);
  Status build_multicast(GroupIndex group);
  Status build_owners();
  void add_owner(GroupIndex group, const IpAddress& address, MacAddress mac);

  std::shared_ptr<Snapshot> out_;
  Config& config_;
  std::vector<std::vector<PortIndex>> members_;  // of each group
  std::map<uint64_t, Destination> to_;
  std::map<std::pair<GroupIndex, IpAddress>, Owner> owners_;
};

inline Error config_error(const std::string& path, const std::string& what) {
  return Error(Code::invalid, path + ": " + what);
}
inline std::string at(std::string_view list, size_t index, std::string_view member) {
  return std::string(list) + '[' + std::to_string(index) + "]." + std::string(member);
}

}  // namespace bridle::net
