#include "image/libvirt_xml.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "image/xml_tree.h"

namespace bridle::image {
namespace {

constexpr uint64_t largest = uint64_t{1} << 50;

Error refused(const XmlElement& at, const std::string& what) {
  return Error(Code::refused, "domain XML, line " + std::to_string(at.line) + ": " + what);
}

Result<uint64_t> bytes_of(const XmlElement& element) {
  static const std::map<std::string, uint64_t, std::less<>> units{{"", 1 << 10},
                                                                  {"b", 1},
                                                                  {"bytes", 1},
                                                                  {"KB", 1000},
                                                                  {"k", 1 << 10},
                                                                  {"KiB", 1 << 10},
                                                                  {"MB", 1000000},
                                                                  {"M", 1 << 20},
                                                                  {"MiB", 1 << 20},
                                                                  {"GB", 1000000000},
                                                                  {"G", 1 << 30},
                                                                  {"GiB", 1 << 30},
                                                                  {"T", uint64_t{1} << 40},
                                                                  {"TiB", uint64_t{1} << 40}};
  const auto unit = units.find(element.attribute("unit"));
  if (unit == units.end())
    return refused(element,
                   "the unit \"" + std::string(element.attribute("unit")) + "\" is not known");
  uint64_t value = 0;
  const char* end = element.text.data() + element.text.size();
  const auto [rest, wrong] = std::from_chars(element.text.data(), end, value);
  if (wrong != std::errc() || rest != end || value > largest / unit->second)
    return refused(element, "<" + element.name + "> is no amount of memory");
  return value * unit->second;
}

class Parser {
 public:
  explicit Parser(const XmlElement& root) : root_(root) {}

  Result<Hardware> parse() {
    if (root_.name != "domain")
      return refused(root_, "expected <domain>, found <" + root_.name + ">");
    for (const XmlElement& one : root_.children) BRIDLE_CHECK(read_top(one));
    if (out_.name.empty()) return refused(root_, "the domain has no <name>");
    return std::move(out_);
  }

 private:
  using Read = Status (Parser::*)(const XmlElement&);

  void lost(const XmlElement& element, const std::string& detail = "") {
    out_.note("domain XML, line " + std::to_string(element.line) + ": <" + element.name + ">" +
              detail + " is not taken over");
  }
  void only(const XmlElement& element, std::initializer_list<std::string_view> attributes,
            std::initializer_list<std::string_view> children) {
    for (const auto& [key, value] : element.attributes)
      if (std::find(attributes.begin(), attributes.end(), key) == attributes.end())
        lost(element, ": " + key + "=\"" + value + "\"");
    for (const XmlElement& child : element.children)
      if (std::find(children.begin(), children.end(), child.name) == children.end()) lost(child);
  }

  Status read_top(const XmlElement& element) {
    static const std::map<std::string, Read, std::less<>> readers{
        {"name", &Parser::read_name},
        {"memory", &Parser::read_memory},
        {"currentMemory", &Parser::ignore},
        {"vcpu", &Parser::read_cpus},
        {"uuid", &Parser::ignore},
        {"os", &Parser::read_os},
        {"features", &Parser::read_features},
        {"devices", &Parser::read_devices}};
    const auto found = readers.find(element.name);
    if (found != readers.end()) return (this->*found->second)(element);
    lost(element);
    return {};
  }

  Status ignore(const XmlElement&) { return {}; }

  Status read_name(const XmlElement& element) {
    out_.name = element.text;
    return {};
  }

  Status read_memory(const XmlElement& element) {
    only(element, {"unit"}, {});
    BRIDLE_TRY(out_.memory, bytes_of(element));
    return {};
  }

  Status read_cpus(const XmlElement& element) {
    only(element, {"placement"}, {});
    uint32_t count = 0;
    const char* end = element.text.data() + element.text.size();
    const auto [rest, wrong] = std::from_chars(element.text.data(), end, count);
    if (wrong != std::errc() || rest != end || count < 1 || count > 128)
      return refused(element, "<vcpu>: expected 1 to 128");
    out_.cpus = count;
    return {};
  }

  // What every machine of Bridle has, or gets with Secure Boot.
  Status read_features(const XmlElement& element) {
    only(element, {}, {"acpi", "apic", "pae", "smm"});
    return {};
  }

  Status read_os(const XmlElement& element) {
    only(element, {"firmware"}, {"type", "loader", "nvram", "kernel", "initrd", "cmdline", "boot"});
    if (element.attribute("firmware") == "efi") out_.firmware = "uefi";
    if (const XmlElement* type = element.child("type")) {
      if (const auto arch = type->attribute("arch"); !arch.empty() && arch != "x86_64")
        return refused(*type, "the architecture " + std::string(arch) + "; only x86_64 runs here");
      if (type->text != "hvm")
        return refused(*type, "the type " + type->text + "; only hvm runs here");
      only(*type, {"arch", "machine"}, {});
    }
    if (const XmlElement* loader = element.child("loader")) {
      if (loader->attribute("type") == "pflash") out_.firmware = "uefi";
      out_.secure_boot = loader->attribute("secure") == "yes";
      if (!loader->text.empty()) lost(*loader, ": its file");
    }
    if (const XmlElement* nvram = element.child("nvram")) lost(*nvram);
    for (const char* file : {"kernel", "initrd"})
      if (const XmlElement* one = element.child(file))
        lost(*one, " (name an image with such a part)");
    out_.kernel_arguments = element.child_text("cmdline");
    for (const XmlElement& one : element.children)
      if (one.name == "boot" && one.attribute("dev") != "hd")
        lost(one, ": dev=\"" + std::string(one.attribute("dev")) + "\"");
    return {};
  }

  Status read_devices(const XmlElement& element) {
    for (const XmlElement& device : element.children) {
      if (device.name == "disk")
        BRIDLE_CHECK(read_disk(device));
      else if (device.name == "interface")
        BRIDLE_CHECK(read_interface(device));
      else if (!is_everywhere(device))
        lost(device);
    }
    return {};
  }

  // What every machine of Bridle has, too.
  static bool is_everywhere(const XmlElement& device) {
    const std::string_view type = device.attribute("type");
    if (device.name == "controller")
      return type == "pci" || type == "virtio-serial" || type == "sata" || type == "ide" ||
             type == "scsi";
    if (device.name == "serial" || device.name == "console") return type == "pty";
    if (device.name == "memballoon" || device.name == "rng")
      return device.attribute("model") == "virtio";
    return device.name == "emulator";
  }

  Status read_disk(const XmlElement& device) {
    const std::string_view kind = device.attribute("device");
    if (!kind.empty() && kind != "disk") {
      lost(device, ": device=\"" + std::string(kind) + "\"");
      return {};
    }
    if (out_.disks.size() == most_disks)
      return refused(device, "more than " + std::to_string(most_disks) + " disks");
    only(device, {"type", "device"},
         {"source", "target", "driver", "readonly", "address", "alias", "boot"});
    HardwareDisk disk;
    if (const XmlElement* source = device.child("source")) {
      disk.file = source->attribute("file");
      if (disk.file.empty()) disk.file = source->attribute("dev");
    }
    if (disk.file.empty()) {
      lost(device, ": a disk whose source is neither a file nor a device");
      return {};
    }
    if (const XmlElement* target = device.child("target")) {
      disk.name = target->attribute("dev");
      disk.bus = target->attribute("bus");
    }
    if (const XmlElement* driver = device.child("driver")) {
      disk.format = driver->attribute("type");
      only(*driver, {"name", "type"}, {});
    }
    disk.read_only = device.child("readonly") != nullptr;
    out_.disks.push_back(std::move(disk));
    return {};
  }

  Status read_interface(const XmlElement& device) {
    if (out_.interfaces.size() == most_interfaces)
      return refused(device, "more than " + std::to_string(most_interfaces) + " interfaces");
    only(device, {"type"}, {"mac", "source", "model", "address", "alias", "target"});
    HardwareInterface one;
    if (const XmlElement* mac = device.child("mac")) one.mac = mac->attribute("address");
    if (const XmlElement* model = device.child("model")) {
      one.model = nic_model(model->attribute("type"));
      if (one.model.empty()) {
        one.model = "e1000";
        out_.note("domain XML, line " + std::to_string(model->line) + ": the network adapter " +
                  std::string(model->attribute("type")) + " becomes e1000");
      }
    }
    if (const XmlElement* source = device.child("source")) {
      for (const char* key : {"network", "bridge", "dev"})
        if (one.network.empty()) one.network = source->attribute(key);
    }
    out_.interfaces.push_back(std::move(one));
    return {};
  }

  const XmlElement& root_;
  Hardware out_;
};

std::string disk_xml(const HardwareDisk& disk, size_t index) {
  const std::string bus = disk.bus.empty() ? "virtio" : disk.bus;
  const std::string stem = bus == "virtio" ? "vd" : bus == "ide" ? "hd" : "sd";
  return "    <disk type=\"file\" device=\"disk\">\n      <driver name=\"qemu\" type=\"" +
         xml_escape(disk.format.empty() ? "qcow2" : disk.format) + "\"/>\n      <source file=\"" +
         xml_escape(disk.file) + "\"/>\n      <target dev=\"" + stem +
         std::string(1, static_cast<char>('a' + index % 26)) + "\" bus=\"" + xml_escape(bus) +
         "\"/>\n" + (disk.read_only ? "      <readonly/>\n" : "") + "    </disk>\n";
}

std::string interface_xml(const HardwareInterface& one) {
  return "    <interface type=\"network\">\n" +
         (one.mac.empty() ? "" : "      <mac address=\"" + xml_escape(one.mac) + "\"/>\n") +
         "      <source network=\"" + xml_escape(one.network.empty() ? "default" : one.network) +
         "\"/>\n      <model type=\"" + xml_escape(one.model.empty() ? "virtio" : one.model) +
         "\"/>\n    </interface>\n";
}

// Secure Boot is for q35 with system management mode, there as here.
std::string firmware_xml(const Hardware& hardware) {
  const bool secure = hardware.firmware == "uefi" && hardware.secure_boot;
  return std::string("  <os") + (hardware.firmware == "uefi" ? " firmware=\"efi\"" : "") +
         ">\n    <type arch=\"x86_64\" machine=\"" + (secure ? "q35" : "pc") + "\">hvm</type>\n" +
         (secure ? "    <loader secure=\"yes\"/>\n" : "") + "    <boot dev=\"hd\"/>\n  </os>\n" +
         "  <features>\n    <acpi/>\n    <apic/>\n" + (secure ? "    <smm state=\"on\"/>\n" : "") +
         "  </features>\n";
}

}  // namespace

Result<Hardware> parse_libvirt(std::string_view text) {
  BRIDLE_TRY(const XmlElement root, parse_xml(text).context("domain XML"));
  return Parser(root).parse();
}

std::string write_libvirt(const Hardware& hardware, const std::string& uuid) {
  std::string devices;
  for (size_t i = 0; i < hardware.disks.size(); ++i) devices += disk_xml(hardware.disks[i], i);
  for (const HardwareInterface& one : hardware.interfaces) devices += interface_xml(one);
  std::string notes;
  for (const std::string& note : hardware.notes) {
    std::string words = xml_escape(note);
    std::replace(words.begin(), words.end(), '-', ' ');  // a comment may hold no "--"
    notes += "  <!-- " + words + " -->\n";
  }
  return "<domain type=\"kvm\">\n" + notes + "  <name>" + xml_escape(hardware.name) + "</name>\n" +
         (uuid.empty() ? "" : "  <uuid>" + xml_escape(uuid) + "</uuid>\n") +
         "  <memory unit=\"KiB\">" + std::to_string(hardware.memory / 1024) +
         "</memory>\n  <vcpu>" + std::to_string(hardware.cpus) + "</vcpu>\n" +
         firmware_xml(hardware) + "  <devices>\n" + devices +
         "    <serial type=\"pty\"/>\n    <rng model=\"virtio\">\n      <backend "
         "model=\"random\">/dev/urandom</backend>\n    </rng>\n    <memballoon "
         "model=\"virtio\"/>\n  </devices>\n</domain>\n";
}

}  // namespace bridle::image
