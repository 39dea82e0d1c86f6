#include "jail/port_make.h"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/crash_point.h"
#include "base/file.h"
#include "jail/netlink.h"
#include "wire/socket.h"

namespace bridle::jail {
namespace {

PortEnd end_of(const PortOrder& order) {
  PortEnd end;
  end.record.magic = wire::port_magic;
  end.record.version = wire::port_version;
  end.record.act = wire::PortAct::give;
  end.record.kind = order.kind;
  return end;
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  return address;
}

// A QEMU that was taken over may have put anything at that number.
Status check_qemu_socket(int fd, const std::string& path) {
  const auto other = [] {
    return Error(Code::refused, "QEMU's interface is not the datagram socket that it was given");
  };
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_DGRAM)
    return other();
  sockaddr_un name{};
  size = sizeof name;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return other();
  if (name.sun_family != AF_UNIX || size <= offsetof(sockaddr_un, sun_path)) return other();
  const size_t room =
      std::min<size_t>(size - offsetof(sockaddr_un, sun_path), sizeof name.sun_path);
  return std::string(name.sun_path, ::strnlen(name.sun_path, room)) == path ? Status() : other();
}

Status connect_to(int fd, const std::string& path) {
  const sockaddr_un address = address_of(path);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return errno_error("connecting to " + path);
  return {};
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  std::memcpy(request.ifr_name, name.data(), std::min(name.size(), sizeof request.ifr_name - 1));
  return request;
}

uint32_t fnv1a(const std::string& text) {
  uint32_t hash = 2166136261u;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash;
}

std::string tap_name(const Layout& layout, uint32_t zone, uint32_t port) {
  char name[IFNAMSIZ];
  std::snprintf(name, sizeof name, "brt-%08x",
                fnv1a(layout.root() + "/" + std::to_string(zone) + "/" + std::to_string(port)));
  return name;
}

Result<uint32_t> mtu_of_device(int socket, uint32_t index) {
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(index);
  if (::ioctl(socket, SIOCGIFNAME, &request) != 0 || ::ioctl(socket, SIOCGIFMTU, &request) != 0)
    return Error(Code::not_found, "there is no network device " + std::to_string(index));
  return static_cast<uint32_t>(request.ifr_mtu);
}

Status set_option(int fd, int level, int option, int value) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0)
    return errno_error("setting up a packet socket");
  return {};
}

Status be_promiscuous(int fd, uint32_t index) {
  packet_mreq request{};
  request.mr_ifindex = static_cast<int>(index);
  request.mr_type = PACKET_MR_PROMISC;
  if (::setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) != 0)
    return errno_error("listening to all of a network device");
  return {};
}

}  // namespace

std::string alias_of(const Layout& layout) { return layout.cgroup(); }

uint32_t mtu_of(const PortOrder& order) { return order.mtu == 0 ? 1500 : order.mtu; }

Result<PortEnd> make_datagram(const Layout& layout, const PortOrder& order, int qemu_pidfd) {
  Uuid uuid;
  std::memcpy(uuid.bytes.data(), order.guest, sizeof order.guest);
  const std::string base = layout.guest(uuid) + "/net" + std::to_string(order.interface);
  const int number = 13 + static_cast<int>(order.interface);  // first_interface_fd
  const Fd theirs(static_cast<int>(::syscall(SYS_pidfd_getfd, qemu_pidfd, number, 0)));
  if (!theirs) return errno_error("QEMU's interface " + std::to_string(order.interface));
  BRIDLE_CHECK(check_qemu_socket(theirs.get(), base + ".sock"));
  PortEnd end = end_of(order);
  BRIDLE_CRASH_POINT("port.datagram");
  BRIDLE_TRY(Fd ours, wire::bind_datagram(base + ".switch", 0600));
  // QEMU's first: one that is connected to somebody else (an earlier end) takes no other.
  BRIDLE_CHECK(connect_to(theirs.get(), base + ".switch"));
  BRIDLE_CHECK(connect_to(ours.get(), base + ".sock"));
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) return errno_error("fcntl");
  end.descriptors.push_back(std::move(ours));
  return end;
}

Result<Fd> open_tap(const std::string& name) {
  BRIDLE_TRY(Fd fd, open_file("/dev/net/tun", O_RDWR | O_NONBLOCK));
  ifreq request = request_for(name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    if (errno == EBUSY) return Error(Code::conflict, name + " is held by somebody");
    return errno_error("making the TAP device " + name);
  }
  if (::ioctl(fd.get(), TUNSETPERSIST, 1) != 0) return errno_error("keeping the TAP device");
  return fd;
}

Result<PortEnd> make_tap(const Layout& layout, uint32_t zone, uint32_t port,
                         const PortOrder& order) {
  PortEnd end = end_of(order);
  end.device = tap_name(layout, zone, port);
  BRIDLE_TRY(Netlink net, Netlink::open());
  BRIDLE_TRY(Fd fd, open_tap(end.device));
  BRIDLE_TRY(const unsigned index, net.index_of(end.device));
  BRIDLE_CHECK(net.set_alias(index, alias_of(layout)));
  if (order.bridge != 0) BRIDLE_CHECK(net.set_bridge(index, order.bridge).context("its bridge"));
  BRIDLE_CHECK(net.bring_up(index, mtu_of(order)));
  end.record.header_size = virtio_header_size;
  end.record.mtu = mtu_of(order);
  end.descriptors.push_back(std::move(fd));
  return end;
}

Status remove_tap(const Layout& layout, uint32_t zone, uint32_t port) {
  BRIDLE_TRY(Netlink net, Netlink::open());
  const auto index = net.index_of(tap_name(layout, zone, port));
  return index ? net.remove(*index) : Status();
}

Result<PortEnd> make_packet(const PortOrder& order) {
  PortEnd end = end_of(order);
  // Without a protocol nothing comes in before everything is set.
  Fd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error("a packet socket");
  BRIDLE_TRY(end.record.mtu, mtu_of_device(fd.get(), order.device));
  BRIDLE_CHECK(set_option(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, 1));
  BRIDLE_CHECK(set_option(fd.get(), SOL_PACKET, PACKET_VNET_HDR, 1));
  BRIDLE_CHECK(be_promiscuous(fd.get(), order.device));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = __builtin_bswap16(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(order.device);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return errno_error("binding a packet socket");
  end.record.header_size = virtio_header_size;
  end.record.host_index = order.device;
  end.descriptors.push_back(std::move(fd));
  return end;
}

Result<PortEnd> make_ring(const PortOrder& order) {
  PortEnd end = end_of(order);
  Fd memory(::memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) return errno_error("memfd_create");
  // No crash point: nobody but this process has that memory yet.
  if (::ftruncate(memory.get(), static_cast<off_t>(order.bytes)) != 0) return errno_error("a ring");
  if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return errno_error("sealing a ring");
  end.record.bytes = order.bytes;
  end.descriptors.push_back(std::move(memory));
  for (int side = 0; side < 2; ++side) {
    Fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) return errno_error("eventfd");
    end.descriptors.push_back(std::move(wake));
  }
  return end;
}

}  // namespace bridle::jail
