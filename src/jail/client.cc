#include "jail/client.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/file.h"
#include "jail/validate.h"
#include "wire/socket.h"

namespace bridle::jail {
namespace {

void set_uuid(Request& request, const Uuid& uuid) {
  std::memcpy(request.uuid, uuid.bytes.data(), sizeof request.uuid);
}

Status set_files(Request& request, const std::vector<FileUse>& files) {
  if (files.size() > max_files)
    return Error(Code::invalid, std::to_string(files.size()) + " files; a record holds " +
                                    std::to_string(max_files));
  request.file_count = static_cast<uint32_t>(files.size());
  std::copy(files.begin(), files.end(), request.files);
  return {};
}

}  // namespace

Request make_request(Verb verb, uint64_t id) {
  Request request{};
  request.magic = magic;
  request.version = version;
  request.verb = verb;
  request.id = id;
  return request;
}

Request make_request(Verb verb, uint64_t id, const Uuid& uuid, uint64_t boot) {
  Request request = make_request(verb, id);
  request.boot = boot;
  set_uuid(request, uuid);
  return request;
}

Request make_signal(uint64_t id, const Uuid& uuid, int signal_number, uint64_t boot) {
  Request request = make_request(Verb::signal, id, uuid, boot);
  request.signal_number = static_cast<uint32_t>(signal_number);
  return request;
}

Request make_limits(uint64_t id, const Uuid& uuid, const Limits& limits) {
  Request request = make_request(Verb::limits, id, uuid);
  request.limits = limits;
  return request;
}

Request make_grow(uint64_t id, const Uuid& uuid, uint64_t boot, uint64_t file_size) {
  Request request = make_request(Verb::grow, id, uuid, boot);
  request.file_size = file_size;
  return request;
}

Result<Request> make_start(uint64_t id, const StartOrder& order) {
  Request request = make_request(Verb::start, id, order.machine.uuid);
  request.generation = order.machine.generation;
  request.boot = order.boot;
  request.slot = order.slot;
  request.interface_count = order.interfaces;
  request.use_kvm = order.use_kvm ? 1 : 0;
  request.file_size = order.file_size;
  request.limits = order.limits;
  request.zone = order.zone;
  if (order.attachments.size() > max_interfaces)
    return Error(Code::invalid, "more attachments than a record holds");
  std::copy(order.attachments.begin(), order.attachments.end(), request.attachments);
  BRIDLE_CHECK(set_files(request, order.files));
  BRIDLE_CHECK(validate(request, 1 + order.files.size()));
  return request;
}

Result<Request> make_switch_start(uint64_t id, const SwitchOrder& order) {
  Request request = make_request(Verb::switch_start, id);
  request.zone = order.zone;
  request.limits = order.limits;
  request.switch_flags = order.restart ? switch_restart : 0;
  BRIDLE_CHECK(validate(request, 0));
  return request;
}

Request make_switch_stop(uint64_t id, uint32_t zone, bool forget) {
  Request request = make_request(Verb::switch_stop, id);
  request.zone = zone;
  request.switch_flags = forget ? switch_forget : 0;
  return request;
}

Request make_port(Verb verb, uint64_t id, uint32_t zone, uint32_t port) {
  Request request = make_request(verb, id);
  request.zone = zone;
  request.port = port;
  return request;
}

Result<Request> make_port_open(uint64_t id, uint32_t zone, uint32_t port, const PortOrder& order) {
  Request request = make_port(Verb::port_open, id, zone, port);
  std::memcpy(request.body, &order, sizeof order);
  BRIDLE_CHECK(validate(request, 0));
  return request;
}

Result<Request> make_nat_forwards(uint64_t id, uint32_t zone, uint32_t port,
                                  std::span<const NatForward> forwards) {
  Request request = make_port(Verb::nat_forwards, id, zone, port);
  if (forwards.size() > max_forwards)
    return Error(Code::invalid, std::to_string(forwards.size()) + " forwards; a network has " +
                                    std::to_string(max_forwards) + " at most");
  request.forward_count = static_cast<uint8_t>(forwards.size());
  if (!forwards.empty()) std::memcpy(request.body, forwards.data(), forwards.size_bytes());
  BRIDLE_CHECK(validate(request, 0));
  return request;
}

Result<Request> make_helper(uint64_t id, const HelperOrder& order) {
  Request request = make_request(Verb::helper, id, order.uuid);
  request.helper = order.kind;
  BRIDLE_CHECK(set_files(request, order.files));
  BRIDLE_CHECK(validate(request, 1 + order.files.size()));
  return request;
}

Result<std::string> join_arguments(const std::vector<std::string>& arguments) {
  std::string bytes;
  for (const std::string& argument : arguments) {
    if (argument.find('\0') != std::string::npos)
      return Error(Code::invalid, "an argument holds a NUL byte");
    bytes += argument;
    bytes += '\0';
  }
  BRIDLE_TRY(const auto again, split_arguments(bytes));
  return bytes;
}

Result<Fd> arguments_memfd(const std::vector<std::string>& arguments) {
  BRIDLE_TRY(const std::string bytes, join_arguments(arguments));
  return sealed_memfd("arguments", bytes);
}

Result<Answer> parse_reply(std::span<const uint8_t> bytes) {
  Reply reply;
  if (bytes.size() != sizeof reply) return Error(Code::corrupt, "a reply of the jail is cut");
  std::memcpy(&reply, bytes.data(), sizeof reply);
  if (reply.magic != magic || reply.version != version)
    return Error(Code::corrupt, "a reply of another jail's protocol");
  Answer answer;
  answer.verb = reply.verb;
  answer.id = reply.id;
  std::string message(reply.message, ::strnlen(reply.message, sizeof reply.message));
  if (reply.error != 0) {
    const bool known = reply.error > 0 && reply.error <= static_cast<int>(Code::internal) + 1;
    answer.status = Error(known ? static_cast<Code>(reply.error - 1) : Code::internal, message);
  } else {
    answer.last_words = std::move(message);
  }
  std::memcpy(answer.machine.uuid.bytes.data(), reply.uuid, sizeof reply.uuid);
  answer.machine.generation = reply.generation;
  answer.boot = reply.boot;
  answer.slot = reply.slot;
  answer.pid = reply.pid;
  answer.start_time = reply.start_time;
  answer.state = reply.state;
  answer.exit_status = reply.exit_status;
  answer.index = reply.index;
  answer.count = reply.count;
  answer.usage = reply.usage;
  answer.tpm_lost = reply.tpm_lost != 0;
  answer.zone = reply.zone;
  answer.port = reply.port;
  answer.deaths = reply.deaths;
  answer.port_kind = reply.port_kind;
  answer.port_note = reply.port_note;
  answer.device.assign(reply.device, ::strnlen(reply.device, sizeof reply.device));
  return answer;
}

Result<JailClient> JailClient::connect(const std::string& socket_path) {
  BRIDLE_TRY(Fd fd, wire::connect_unix(socket_path, SOCK_SEQPACKET));
  return JailClient(std::move(fd));
}

Status JailClient::send(const Request& request, std::span<const int> descriptors) {
  return wire::send_packet(fd_.get(), wire::bytes_of(request), descriptors);
}

Result<Answer> JailClient::receive() {
  Reply reply{};
  BRIDLE_TRY(const wire::Packet packet,
             wire::receive_packet(fd_.get(), wire::writable_bytes_of(reply)));
  if (packet.size == 0) return Error(Code::unreachable, "the jail closed the connection");
  return parse_reply(wire::bytes_of(reply).first(packet.size));
}

}  // namespace bridle::jail
