// AF_XDP ports (port_make.h): a socket with its memory and rings, and a program of five
// instructions that gives one queue's frames to it and everything else to the host.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/crash_point.h"
#include "jail/port_make.h"

namespace bridle::jail {
namespace {

constexpr uint32_t frame_size = 4096, ring_entries = 2048, frames = 4096;
constexpr uint64_t memory_size = uint64_t{frames} * frame_size;

// Every pointer in bpf_attr is a number.
uint64_t number_of(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

Result<Fd> bpf(int command, bpf_attr& attributes, const char* what) {
  Fd fd(static_cast<int>(::syscall(SYS_bpf, command, &attributes, sizeof attributes)));
  if (!fd && errno == EBUSY)
    return Error(Code::conflict, std::string(what) + ": the device has an XDP program already");
  if (!fd) return errno_error(what);
  const int flags = ::fcntl(fd.get(), F_GETFD);
  ::fcntl(fd.get(), F_SETFD, flags | FD_CLOEXEC);
  return fd;
}

Result<Fd> make_map(uint32_t entries) {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_XSKMAP;
  attributes.key_size = 4;
  attributes.value_size = 4;
  attributes.max_entries = entries;
  return bpf(BPF_MAP_CREATE, attributes, "making a map of sockets");
}

Status put(int map, uint32_t queue, int socket) {
  bpf_attr attributes{};
  attributes.map_fd = static_cast<uint32_t>(map);
  attributes.key = number_of(&queue);
  attributes.value = number_of(&socket);
  if (::syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attributes, sizeof attributes) != 0)
    return errno_error("entering the socket into the map");
  return {};
}

// return bpf_redirect_map(&map, context->rx_queue_index, XDP_PASS);
Result<Fd> load_program(int map) {
  const bpf_insn program[] = {
      {BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(xdp_md, rx_queue_index), 0},
      {BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map},
      {0, 0, 0, 0, 0},
      {BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS},
      {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map},
      {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
  };
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_XDP;
  attributes.insn_cnt = std::size(program);
  attributes.insns = number_of(program);
  attributes.license = number_of("Proprietary");
  return bpf(BPF_PROG_LOAD, attributes, "loading the redirecting program");
}

Result<Fd> attach(int program, uint32_t device) {
  bpf_attr attributes{};
  attributes.link_create.prog_fd = static_cast<uint32_t>(program);
  attributes.link_create.target_ifindex = device;
  attributes.link_create.attach_type = BPF_XDP;
  return bpf(BPF_LINK_CREATE, attributes, "attaching the redirecting program");
}

Result<Fd> make_memory() {
  Fd memory(::memfd_create("umem", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) return errno_error("memfd_create");
  // No crash point: nobody but this process has that memory yet.
  if (::ftruncate(memory.get(), memory_size) != 0) return errno_error("memory of a socket");
  if (::fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return errno_error("sealing memory");
  return memory;
}

// The kernel holds on to the pages; our own view of them is not needed afterwards.
Status register_memory(int socket, int memory) {
  void* pages = ::mmap(nullptr, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (pages == MAP_FAILED) return errno_error("mapping memory of a socket");
  xdp_umem_reg area{};
  area.addr = number_of(pages);
  area.len = memory_size;
  area.chunk_size = frame_size;
  const int done = ::setsockopt(socket, SOL_XDP, XDP_UMEM_REG, &area, sizeof area);
  const int error = errno;
  ::munmap(pages, memory_size);
  return done == 0 ? Status() : Status(errno_error(error, "registering memory of a socket"));
}

Status make_rings(int socket) {
  for (const int ring : {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING, XDP_TX_RING})
    if (::setsockopt(socket, SOL_XDP, ring, &ring_entries, sizeof ring_entries) != 0)
      return errno_error("making a ring of a socket");
  return {};
}

Status bind_to(int socket, const PortOrder& order) {
  sockaddr_xdp address{};
  address.sxdp_family = AF_XDP;
  address.sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP;
  address.sxdp_ifindex = order.device;
  address.sxdp_queue_id = order.queue;
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return {};
  if (errno == EBUSY) return Error(Code::conflict, "another socket has this device's queue");
  return errno_error("binding to the device's queue");
}

uint32_t mtu_of_device(int socket, uint32_t index) {
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(index);
  const bool known =
      ::ioctl(socket, SIOCGIFNAME, &request) == 0 && ::ioctl(socket, SIOCGIFMTU, &request) == 0;
  return known ? static_cast<uint32_t>(request.ifr_mtu) : 1500;
}

}  // namespace

Result<PortEnd> make_xdp(const PortOrder& order) {
  PortEnd end;
  Fd socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return errno_error("an AF_XDP socket");
  BRIDLE_TRY(Fd memory, make_memory());
  BRIDLE_CHECK(register_memory(socket.get(), memory.get()));
  BRIDLE_CHECK(make_rings(socket.get()));
  BRIDLE_CHECK(bind_to(socket.get(), order));
  BRIDLE_TRY(const Fd map, make_map(order.queue + 1));
  BRIDLE_CHECK(put(map.get(), order.queue, socket.get()));
  BRIDLE_TRY(const Fd program, load_program(map.get()));
  BRIDLE_TRY(Fd link, attach(program.get(), order.device));
  end.record.magic = wire::port_magic;
  end.record.version = wire::port_version;
  end.record.act = wire::PortAct::give;
  end.record.kind = PortKind::af_xdp;
  end.record.host_index = order.device;
  end.record.queue = order.queue;
  end.record.frame_size = frame_size;
  end.record.bytes = memory_size;
  end.record.ring_entries = ring_entries;
  end.record.mtu = mtu_of_device(socket.get(), order.device);
  for (Fd* fd : {&socket, &memory, &link}) end.descriptors.push_back(std::move(*fd));
  return end;
}

}  // namespace bridle::jail
