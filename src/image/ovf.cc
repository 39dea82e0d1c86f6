#include "image/ovf.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "image/xml_tree.h"

namespace bridle::image {
namespace {

constexpr uint64_t largest = uint64_t{1} << 60;

Error refused(const XmlElement& at, const std::string& what) {
  return Error(Code::refused, "OVF, line " + std::to_string(at.line) + ": " + what);
}

Result<uint64_t> number(const XmlElement& at, std::string_view text, std::string_view what) {
  uint64_t value = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (wrong != std::errc() || end != text.data() + text.size() || value > largest)
    return refused(at, std::string(what) + " is no number");
  return value;
}

// "byte * 2^20", "byte*2^30", "MegaBytes", "GB"; empty: bytes.
Result<uint64_t> unit_of(const XmlElement& at, std::string_view text, uint64_t otherwise) {
  if (text.empty()) return otherwise;
  std::string word;
  for (const char c : text)
    if (c != ' ') word += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  static const std::map<std::string, uint64_t> words{{"byte", 1},
                                                     {"bytes", 1},
                                                     {"kilobytes", 1 << 10},
                                                     {"kb", 1 << 10},
                                                     {"megabytes", 1 << 20},
                                                     {"mb", 1 << 20},
                                                     {"gigabytes", 1 << 30},
                                                     {"gb", 1 << 30},
                                                     {"byte*2^10", 1 << 10},
                                                     {"byte*2^20", 1 << 20},
                                                     {"byte*2^30", 1 << 30},
                                                     {"byte*2^40", uint64_t{1} << 40}};
  const auto found = words.find(word);
  if (found == words.end()) return refused(at, "the unit \"" + word + "\" is not known");
  return found->second;
}

Result<uint64_t> scaled(const XmlElement& at, std::string_view text, uint64_t unit,
                        std::string_view what) {
  BRIDLE_TRY(const uint64_t value, number(at, text, what));
  if (value > largest / unit) return refused(at, std::string(what) + " is too large");
  return value * unit;
}

struct DiskEntry {
  std::string file;  // id
  uint64_t capacity = 0;
};

class Parser {
 public:
  explicit Parser(const XmlElement& root) : root_(root) {}

  Result<Hardware> parse() {
    if (root_.name != "Envelope")
      return refused(root_, "expected <Envelope>, found another document");
    BRIDLE_CHECK(read_files());
    BRIDLE_CHECK(read_disks());
    const XmlElement* system = root_.child("VirtualSystem");
    if (system == nullptr)
      return refused(root_, root_.child("VirtualSystemCollection") != nullptr
                                ? "it describes several machines; export them one by one"
                                : "it describes no machine");
    const auto systems =
        std::count_if(root_.children.begin(), root_.children.end(),
                      [](const XmlElement& e) { return e.name == "VirtualSystem"; });
    if (systems != 1)
      return refused(root_, "it describes several machines; export them one by one");
    out_.name = system->child_text("Name");
    if (out_.name.empty()) out_.name = system->attribute("id");
    const XmlElement* section = system->child("VirtualHardwareSection");
    if (section == nullptr) return refused(*system, "no <VirtualHardwareSection>");
    BRIDLE_CHECK(read_hardware(*section));
    for (const XmlElement& one : system->children)
      if (one.name != "VirtualHardwareSection" && one.name != "Name" && one.name != "Info" &&
          one.name != "OperatingSystemSection")
        out_.note("OVF, line " + std::to_string(one.line) + ": <" + one.name +
                  "> is not taken over");
    return std::move(out_);
  }

 private:
  Status read_files() {
    const XmlElement* references = root_.child("References");
    if (references == nullptr) return {};
    for (const XmlElement& file : references->children) {
      if (file.name != "File") continue;
      const std::string id(file.attribute("id")), href(file.attribute("href"));
      if (!file.attribute("chunkSize").empty())
        return refused(file, "\"" + href + "\" is in chunks; pack the OVA again without");
      if (const auto how = file.attribute("compression"); !how.empty() && how != "identity")
        return refused(file, "\"" + href + "\" is compressed (" + std::string(how) +
                                 "); pack the OVA again without");
      if (href.empty() || href.find_first_of("/\\:") != std::string::npos || href == "..")
        return refused(file, "the file \"" + href +
                                 "\" is not in the archive, and an import reads no other file");
      if (!files_.emplace(id, href).second) return refused(file, "two files have the id " + id);
    }
    return {};
  }

  Status read_disks() {
    const XmlElement* section = root_.child("DiskSection");
    if (section == nullptr) return {};
    for (const XmlElement& disk : section->children) {
      if (disk.name != "Disk") continue;
      const std::string id(disk.attribute("diskId"));
      if (!disk.attribute("parentRef").empty())
        return refused(disk, "the disk " + id + " has a parent; export it without snapshots");
      DiskEntry entry;
      entry.file = disk.attribute("fileRef");
      if (!entry.file.empty() && !files_.contains(entry.file))
        return refused(disk, "the disk " + id + " refers to the file \"" + entry.file +
                                 "\", which is not listed");
      BRIDLE_TRY(const uint64_t unit, unit_of(disk, disk.attribute("capacityAllocationUnits"), 1));
      BRIDLE_TRY(entry.capacity, scaled(disk, disk.attribute("capacity"), unit, "the capacity"));
      if (!disks_.emplace(id, entry).second) return refused(disk, "two disks have the id " + id);
    }
    return {};
  }

  Status read_hardware(const XmlElement& section) {
    for (const XmlElement& item : section.children)
      if (item.name == "Item" || item.name == "StorageItem" || item.name == "EthernetPortItem")
        read_controller(item);
    for (const XmlElement& item : section.children) {
      if (item.name == "Item" || item.name == "StorageItem" || item.name == "EthernetPortItem")
        BRIDLE_CHECK(read_item(item));
      else if (item.name == "Config" || item.name == "ExtraConfig")
        read_config(item);
      else if (item.name != "Info" && item.name != "System")
        out_.note("OVF, line " + std::to_string(item.line) + ": <" + item.name +
                  "> is not taken over");
    }
    return {};
  }

  void read_controller(const XmlElement& item) {
    const std::string_view type = item.child_text("ResourceType");
    const std::string id(item.child_text("InstanceID"));
    if (type == "5") buses_[id] = "ide";
    if (type == "6")
      buses_[id] = item.child_text("ResourceSubType") == "virtio" ? "virtio" : "scsi";
    if (type == "20") buses_[id] = "sata";
  }

  void read_config(const XmlElement& item) {
    if (item.attribute("key") == "firmware" && item.attribute("value") == "efi")
      out_.firmware = "uefi";
    if (item.attribute("key") == "uefi.secureBoot.enabled" && item.attribute("value") == "true")
      out_.secure_boot = true;
  }

  Status read_item(const XmlElement& item) {
    const std::string_view type = item.child_text("ResourceType");
    if (type == "3") return read_cpus(item);
    if (type == "4") return read_memory(item);
    if (type == "10") return read_interface(item);
    if (type == "17") return read_disk(item);
    if (type == "5" || type == "6" || type == "20") return {};
    const std::string_view name = item.child_text("ElementName");
    out_.note("OVF, line " + std::to_string(item.line) + ": the device \"" + std::string(name) +
              "\" (type " + std::string(type) + ") is not taken over");
    return {};
  }

  Status read_cpus(const XmlElement& item) {
    BRIDLE_TRY(const uint64_t count, number(item, item.child_text("VirtualQuantity"), "the CPUs"));
    if (count < 1 || count > 128)
      return refused(item, std::to_string(count) + " CPUs; 1 to 128 are possible");
    out_.cpus = static_cast<uint32_t>(count);
    return {};
  }

  Status read_memory(const XmlElement& item) {
    BRIDLE_TRY(const uint64_t unit, unit_of(item, item.child_text("AllocationUnits"), 1 << 20));
    BRIDLE_TRY(out_.memory, scaled(item, item.child_text("VirtualQuantity"), unit, "the memory"));
    return {};
  }

  Status read_interface(const XmlElement& item) {
    if (out_.interfaces.size() == most_interfaces)
      return refused(item, "more than " + std::to_string(most_interfaces) + " network interfaces");
    HardwareInterface one;
    const std::string_view model = item.child_text("ResourceSubType");
    one.model = nic_model(model);
    if (one.model.empty() && !model.empty()) {
      out_.note("OVF, line " + std::to_string(item.line) + ": the network adapter " +
                std::string(model) + " becomes e1000");
      one.model = "e1000";
    }
    one.mac = mac_of(item);
    one.network = item.child_text("Connection");
    out_.interfaces.push_back(std::move(one));
    return {};
  }

  // With or without colons.
  std::string mac_of(const XmlElement& item) {
    std::string digits;
    for (const char c : item.child_text("Address"))
      if (c != ':' && c != '-') digits += static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c);
    if (digits.empty()) return {};
    if (digits.size() != 12 || digits.find_first_not_of("0123456789abcdef") != std::string::npos ||
        std::string_view("13579bdf").find(digits[1]) != std::string_view::npos) {
      out_.note("OVF, line " + std::to_string(item.line) + ": the MAC address is none");
      return {};
    }
    for (size_t i = 10; i > 0; i -= 2) digits.insert(i, ":");
    return digits;
  }

  Status read_disk(const XmlElement& item) {
    if (out_.disks.size() == most_disks)
      return refused(item, "more than " + std::to_string(most_disks) + " disks");
    std::string_view source = item.child_text("HostResource");
    if (source.starts_with("ovf:")) source.remove_prefix(4);
    HardwareDisk disk;
    const auto bus = buses_.find(std::string(item.child_text("Parent")));
    disk.bus = bus == buses_.end() ? "virtio" : bus->second;
    if (source.starts_with("/disk/")) {
      const auto found = disks_.find(std::string(source.substr(6)));
      if (found == disks_.end())
        return refused(item,
                       "it has the disk \"" + std::string(source) + "\", which is not listed");
      disk.capacity = found->second.capacity;
      if (!found->second.file.empty()) disk.file = files_.at(found->second.file);
    } else if (source.starts_with("/file/")) {
      const auto found = files_.find(std::string(source.substr(6)));
      if (found == files_.end())
        return refused(item,
                       "it has the file \"" + std::string(source) + "\", which is not listed");
      disk.file = found->second;
    } else {
      return refused(
          item, "a disk with the source \"" + std::string(source) + "\"; expected ovf:/disk/ID");
    }
    if (!disk.file.empty())
      for (const HardwareDisk& other : out_.disks)
        if (other.file == disk.file)
          return refused(item, "two disks are made of \"" + disk.file + "\"");
    out_.disks.push_back(std::move(disk));
    return {};
  }

  const XmlElement& root_;
  std::map<std::string, std::string> files_;  // id -> member
  std::map<std::string, DiskEntry> disks_;
  std::map<std::string, std::string> buses_;  // of a controller's InstanceID
  Hardware out_;
};

// ---- writing

// The words of an item, which the schema wants in the order of the alphabet.
using Words = std::map<std::string, std::string>;

std::string item(const Words& words) {
  std::string out = "      <Item>\n";
  for (const auto& [name, text] : words)
    out += "        <rasd:" + name + ">" + xml_escape(text) + "</rasd:" + name + ">\n";
  return out + "      </Item>\n";
}

// The controllers that disks are behind, by bus: their InstanceIDs.
using Controllers = std::map<std::string, unsigned>;

std::string write_controllers(const Hardware& hardware, Controllers& controllers,
                              unsigned& instance) {
  std::string out;
  for (const HardwareDisk& disk : hardware.disks) {
    const std::string bus = disk.bus.empty() ? "virtio" : disk.bus;
    if (controllers.contains(bus)) continue;
    controllers[bus] = instance++;
    const bool ahci = bus == "sata", ide = bus == "ide";
    out += item({{"ElementName", bus + " controller"},
                 {"InstanceID", std::to_string(controllers[bus])},
                 {"ResourceSubType", ahci            ? "AHCI"
                                     : ide           ? "PIIX4"
                                     : bus == "scsi" ? "lsilogicsas"
                                                     : "virtio"},
                 {"ResourceType", ahci  ? "20"
                                  : ide ? "5"
                                        : "6"}});
  }
  return out;
}

std::string network_of(const HardwareInterface& one) {
  return one.network.empty() ? "default" : one.network;
}

std::string write_networks(const Hardware& hardware) {
  std::set<std::string> names;
  for (const HardwareInterface& one : hardware.interfaces) names.insert(network_of(one));
  if (names.empty()) return {};
  std::string out = "  <NetworkSection>\n    <Info>Networks</Info>\n";
  for (const std::string& name : names)
    out += "    <Network ovf:name=\"" + xml_escape(name) + "\"/>\n";
  return out + "  </NetworkSection>\n";
}

std::string write_items(const Hardware& hardware) {
  const std::string megabytes = std::to_string((hardware.memory + (1 << 20) - 1) >> 20);
  std::string out = item({{"ElementName", "CPUs"},
                          {"InstanceID", "1"},
                          {"ResourceType", "3"},
                          {"VirtualQuantity", std::to_string(hardware.cpus)}});
  out += item({{"AllocationUnits", "byte * 2^20"},
               {"ElementName", "memory"},
               {"InstanceID", "2"},
               {"ResourceType", "4"},
               {"VirtualQuantity", megabytes}});
  unsigned instance = 3;
  Controllers controllers;
  out += write_controllers(hardware, controllers, instance);
  for (size_t i = 0; i < hardware.disks.size(); ++i) {
    const HardwareDisk& disk = hardware.disks[i];
    const unsigned parent = controllers[disk.bus.empty() ? "virtio" : disk.bus];
    out += item({{"AddressOnParent", std::to_string(i)},
                 {"ElementName", disk.name},
                 {"HostResource", "ovf:/disk/disk" + std::to_string(i)},
                 {"InstanceID", std::to_string(instance++)},
                 {"Parent", std::to_string(parent)},
                 {"ResourceType", "17"}});
  }
  for (const HardwareInterface& one : hardware.interfaces) {
    Words words{{"Connection", network_of(one)},
                {"ElementName", one.name},
                {"InstanceID", std::to_string(instance++)},
                {"ResourceSubType", one.model == "e1000" ? "E1000" : "virtio"},
                {"ResourceType", "10"}};
    if (!one.mac.empty()) words["Address"] = one.mac;
    out += item(words);
  }
  return out;
}

std::string write_firmware(const Hardware& hardware) {
  if (hardware.firmware != "uefi") return {};
  const auto config = [](std::string_view key, std::string_view value) {
    return "      <vmw:Config ovf:required=\"false\" vmw:key=\"" + std::string(key) +
           "\" vmw:value=\"" + std::string(value) + "\"/>\n";
  };
  return config("firmware", "efi") +
         (hardware.secure_boot ? config("uefi.secureBoot.enabled", "true") : "");
}

}  // namespace

Result<Hardware> parse_ovf(std::string_view text) {
  BRIDLE_TRY(const XmlElement root, parse_xml(text).context("OVF"));
  return Parser(root).parse();
}

std::string write_ovf(const Hardware& hardware, const std::vector<OvfFile>& files) {
  std::string references, disks;
  for (size_t i = 0; i < hardware.disks.size(); ++i) {
    const std::string id = std::to_string(i);
    references += "    <File ovf:href=\"" + xml_escape(files[i].name) + "\" ovf:id=\"file" + id +
                  "\" ovf:size=\"" + std::to_string(files[i].size) + "\"/>\n";
    disks += "    <Disk ovf:capacity=\"" + std::to_string(hardware.disks[i].capacity) +
             "\" ovf:diskId=\"disk" + id + "\" ovf:fileRef=\"file" + id +
             "\" ovf:format=\"http://www.vmware.com/interfaces/specifications/vmdk.html"
             "#streamOptimized\"/>\n";
  }
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<Envelope xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\" "
         "xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\" "
         "xmlns:rasd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
         "CIM_ResourceAllocationSettingData\" "
         "xmlns:vmw=\"http://www.vmware.com/schema/ovf\">\n  <References>\n" +
         references + "  </References>\n  <DiskSection>\n    <Info>Disks</Info>\n" + disks +
         "  </DiskSection>\n" + write_networks(hardware) + "  <VirtualSystem ovf:id=\"" +
         xml_escape(hardware.name) + "\">\n    <Info>A machine</Info>\n    <Name>" +
         xml_escape(hardware.name) +
         "</Name>\n    <VirtualHardwareSection>\n      <Info>Hardware</Info>\n" +
         write_items(hardware) + write_firmware(hardware) +
         "    </VirtualHardwareSection>\n  </VirtualSystem>\n</Envelope>\n";
}

}  // namespace bridle::image
