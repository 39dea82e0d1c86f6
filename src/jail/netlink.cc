#include "jail/netlink.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/crash_point.h"

namespace bridle::jail {

// One request under construction: header, body, attributes, nested ones too.
class NetlinkMessage {
 public:
  template <typename Body>
  NetlinkMessage(uint16_t type, int flags, const Body& body) {
    put_bytes(&header_, sizeof header_);
    put_bytes(&body, sizeof body);
    header_.nlmsg_type = type;
    header_.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  }
  void put(uint16_t type, const void* data, size_t size) {
    const rtattr attribute{static_cast<unsigned short>(RTA_LENGTH(size)), type};
    put_bytes(&attribute, sizeof attribute);
    put_bytes(data, size);
  }
  void put(uint16_t type, const std::string& text) { put(type, text.c_str(), text.size() + 1); }
  void put(uint16_t type, uint32_t number) { put(type, &number, sizeof number); }
  size_t begin(uint16_t type) {
    const size_t start = bytes_.size();
    put(type, nullptr, 0);
    return start;
  }
  template <typename Body>
  void put_body(const Body& body) {
    put_bytes(&body, sizeof body);
  }
  void end(size_t start) {
    const auto size = static_cast<unsigned short>(bytes_.size() - start);
    std::memcpy(bytes_.data() + start, &size, sizeof size);
  }
  std::span<const uint8_t> finish() {
    header_.nlmsg_len = static_cast<uint32_t>(bytes_.size());
    header_.nlmsg_seq = 1;
    std::memcpy(bytes_.data(), &header_, sizeof header_);
    return bytes_;
  }

 private:
  void put_bytes(const void* data, size_t size) {
    const auto* from = static_cast<const uint8_t*>(data);
    if (size != 0) bytes_.insert(bytes_.end(), from, from + size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }

  nlmsghdr header_{};
  std::vector<uint8_t> bytes_;
};

namespace {

ifinfomsg link_of(unsigned index) {
  ifinfomsg link{};
  link.ifi_family = AF_UNSPEC;
  link.ifi_index = static_cast<int>(index);
  return link;
}

Status send_to_kernel(int fd, std::span<const uint8_t> bytes) {
  BRIDLE_CRASH_POINT("netlink.send");
  if (::send(fd, bytes.data(), bytes.size(), 0) < 0) return errno_error("netlink");
  return {};
}

// Calls `each` for every message of one datagram; false: no more are wanted.
template <typename Each>
bool walk(std::span<const uint8_t> bytes, const Each& each) {
  while (bytes.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) return false;
    if (!each(header, bytes.first(header.nlmsg_len).subspan(sizeof header))) return false;
    bytes = bytes.subspan(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), bytes.size()));
  }
  return true;
}

std::string text_of(std::span<const uint8_t> value) {
  const char* text = reinterpret_cast<const char*>(value.data());
  return std::string(text, ::strnlen(text, value.size()));
}

LinkFacts read_link(std::span<const uint8_t> body) {
  LinkFacts facts;
  ifinfomsg link;
  if (body.size() < sizeof link) return facts;
  std::memcpy(&link, body.data(), sizeof link);
  facts.index = static_cast<unsigned>(link.ifi_index);
  body = body.subspan(sizeof link);
  while (body.size() >= sizeof(rtattr)) {
    rtattr attribute;
    std::memcpy(&attribute, body.data(), sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > body.size()) break;
    const auto value = body.first(attribute.rta_len).subspan(sizeof attribute);
    if (attribute.rta_type == IFLA_IFNAME) facts.name = text_of(value);
    if (attribute.rta_type == IFLA_IFALIAS) facts.alias = text_of(value);
    body = body.subspan(std::min<size_t>(RTA_ALIGN(attribute.rta_len), body.size()));
  }
  return facts;
}

// Of the first message that says how a request ended: 0 or an errno.
int error_of(std::span<const uint8_t> bytes) {
  int error = EBADMSG;
  walk(bytes, [&](const nlmsghdr& header, std::span<const uint8_t> body) {
    if (header.nlmsg_type != NLMSG_ERROR || body.size() < sizeof error) return true;
    std::memcpy(&error, body.data(), sizeof error);
    error = -error;
    return false;
  });
  return error;
}

}  // namespace

Result<Netlink> Netlink::open() {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return errno_error("a netlink socket");
  return Netlink(std::move(fd));
}

Status Netlink::ask(NetlinkMessage& message) {
  BRIDLE_CHECK(send_to_kernel(fd_.get(), message.finish()));
  uint8_t answer[8192];
  const ssize_t size = ::recv(fd_.get(), answer, sizeof answer, 0);
  if (size < 0) return errno_error("netlink");
  const int error = error_of(std::span(answer).first(static_cast<size_t>(size)));
  if (error == EEXIST) return Error(Code::conflict, "it is there already");
  if (error == ENODEV) return Error(Code::not_found, "there is no such network device");
  if (error != 0) return errno_error(error, "the kernel's network devices");
  return {};
}

Status Netlink::add_veth(const VethPair& pair) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, link_of(0));
  message.put(IFLA_IFNAME, pair.name);
  const size_t info = message.begin(IFLA_LINKINFO);
  message.put(IFLA_INFO_KIND, std::string("veth"));
  const size_t data = message.begin(IFLA_INFO_DATA);
  const size_t peer = message.begin(VETH_INFO_PEER);
  message.put_body(link_of(0));
  message.put(IFLA_IFNAME, pair.peer);
  message.put(IFLA_NET_NS_FD, static_cast<uint32_t>(pair.peer_namespace));
  message.end(peer);
  message.end(data);
  message.end(info);
  return ask(message);
}

Status Netlink::set_alias(unsigned index, const std::string& alias) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_ACK, link_of(index));
  message.put(IFLA_IFALIAS, alias.data(), alias.size());
  return ask(message);
}

Status Netlink::bring_up(unsigned index, uint32_t mtu) {
  ifinfomsg link = link_of(index);
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  NetlinkMessage message(RTM_NEWLINK, NLM_F_ACK, link);
  message.put(IFLA_MTU, mtu);
  return ask(message);
}

Status Netlink::set_mac(unsigned index, std::span<const uint8_t, 6> mac) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_ACK, link_of(index));
  message.put(IFLA_ADDRESS, mac.data(), mac.size());
  return ask(message);
}

Status Netlink::set_bridge(unsigned index, unsigned bridge) {
  NetlinkMessage message(RTM_NEWLINK, NLM_F_ACK, link_of(index));
  message.put(IFLA_MASTER, static_cast<uint32_t>(bridge));
  return ask(message);
}

Status Netlink::add_address(unsigned index, std::span<const uint8_t> address, uint8_t prefix) {
  ifaddrmsg body{};
  body.ifa_family = address.size() == 4 ? AF_INET : AF_INET6;
  body.ifa_prefixlen = prefix;
  body.ifa_scope = RT_SCOPE_UNIVERSE;  // masquerading takes no address of a narrower scope
  body.ifa_index = index;
  NetlinkMessage message(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, body);
  message.put(IFA_LOCAL, address.data(), address.size());
  message.put(IFA_ADDRESS, address.data(), address.size());
  message.put(IFA_FLAGS, uint32_t{IFA_F_NODAD});
  const Status status = ask(message);
  return !status.ok() && status.error().code() == Code::conflict ? Status() : status;
}

Status Netlink::add_default_route(unsigned index, std::span<const uint8_t> gateway) {
  rtmsg body{};
  body.rtm_family = gateway.size() == 4 ? AF_INET : AF_INET6;
  body.rtm_table = RT_TABLE_MAIN;
  body.rtm_protocol = RTPROT_STATIC;
  body.rtm_scope = RT_SCOPE_UNIVERSE;
  body.rtm_type = RTN_UNICAST;
  NetlinkMessage message(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, body);
  message.put(RTA_GATEWAY, gateway.data(), gateway.size());
  message.put(RTA_OIF, static_cast<uint32_t>(index));
  return ask(message);
}

Status Netlink::remove(unsigned index) {
  NetlinkMessage message(RTM_DELLINK, NLM_F_ACK, link_of(index));
  const Status status = ask(message);
  return !status.ok() && status.error().code() == Code::not_found ? Status() : status;
}

Result<unsigned> Netlink::index_of(const std::string& name) {
  BRIDLE_TRY(const auto all, links());
  for (const LinkFacts& link : all)
    if (link.name == name) return link.index;
  return Error(Code::not_found, "there is no network device " + name);
}

Result<std::vector<LinkFacts>> Netlink::links() {
  NetlinkMessage message(RTM_GETLINK, NLM_F_DUMP, link_of(0));
  BRIDLE_CHECK(send_to_kernel(fd_.get(), message.finish()));
  std::vector<LinkFacts> found;
  std::vector<uint8_t> buffer(64 << 10);
  bool done = false;
  while (!done) {
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (size <= 0) return errno_error("reading the list of network devices");
    walk(std::span(buffer).first(static_cast<size_t>(size)),
         [&](const nlmsghdr& header, std::span<const uint8_t> body) {
           if (header.nlmsg_type == RTM_NEWLINK) found.push_back(read_link(body));
           done = done || header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR;
           return true;
         });
  }
  return found;
}

}  // namespace bridle::jail
