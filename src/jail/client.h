// How bridled's rim speaks to the jail: a pure codec for the fixed-size records (protocol.h), and a
// connection that sends and receives them, blocking or by its descriptor in an event loop.
//
//   BRIDLE_TRY(auto client, JailClient::connect(layout.jail_socket()));
//   BRIDLE_CHECK(client.send(make_request(Verb::list, id), {}));
//   BRIDLE_TRY(const Answer answer, client.receive());
//
// Thread class: the codec is pure; a connection belongs to one thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/result.h"
#include "jail/protocol.h"

namespace bridle::jail {

// ---- codec

struct StartOrder {
  MachineId machine;
  uint64_t boot = 0;
  uint32_t slot = 0;
  unsigned interfaces = 0;
  std::vector<GuestAttachment> attachments;  // empty: all datagram; else one an interface
  uint32_t zone = 0;
  bool use_kvm = false;
  uint64_t file_size = 0;  // bytes, 0: no bound
  Limits limits{};
  std::vector<FileUse> files;  // in the order of their descriptors, after the arguments' memfd
};
struct HelperOrder {
  Uuid uuid;  // names this run
  HelperKind kind = HelperKind::store;
  std::vector<FileUse> files;
};

struct SwitchOrder {
  uint32_t zone = 0;
  bool restart = false;
  Limits limits{};
};

Request make_request(Verb verb, uint64_t id);  // hello, list, switch_list
// release, place, usage. boot: the only run that a release is for; 0: any.
Request make_request(Verb verb, uint64_t id, const Uuid& uuid, uint64_t boot = 0);
Request make_signal(uint64_t id, const Uuid& uuid, int signal_number, uint64_t boot = 0);
// boot 0: whichever there is.
Request make_grow(uint64_t id, const Uuid& uuid, uint64_t boot, uint64_t file_size);
Request make_limits(uint64_t id, const Uuid& uuid, const Limits& limits);
// Code::invalid: more files or interfaces than a record holds.
Result<Request> make_start(uint64_t id, const StartOrder& order);
Result<Request> make_helper(uint64_t id, const HelperOrder& order);

Result<Request> make_switch_start(uint64_t id, const SwitchOrder& order);
Request make_switch_stop(uint64_t id, uint32_t zone, bool forget);
// Code::invalid says which field.
Result<Request> make_port_open(uint64_t id, uint32_t zone, uint32_t port, const PortOrder& order);
Request make_port(Verb verb, uint64_t id, uint32_t zone, uint32_t port);  // port_close, port_list
Result<Request> make_nat_forwards(uint64_t id, uint32_t zone, uint32_t port,
                                  std::span<const NatForward> forwards);

// The content of the arguments' memfd: argv[1 ..]. Code::invalid: over a bound, or a NUL inside.
Result<std::string> join_arguments(const std::vector<std::string>& arguments);
// The same in a sealed memfd.
Result<Fd> arguments_memfd(const std::vector<std::string>& arguments);

// A reply that passed its checks. Verb::exited and tpm_lost with id 0 come unasked.
struct Answer {
  Verb verb{};
  uint64_t id = 0;
  Status status;  // the jail's refusal, its message included
  MachineId machine;
  uint64_t boot = 0;
  uint32_t slot = 0;
  uint32_t pid = 0;
  uint64_t start_time = 0;
  GuestState state{};
  int exit_status = 0;     // as of waitpid(2), -1: not known
  std::string last_words;  // of an ended QEMU
  uint32_t index = 0, count = 0;
  Usage usage{};
  bool tpm_lost = false;
  // switch_*, port_*, nat_forwards. A note's reason is in last_words.
  uint32_t zone = 0, port = 0, deaths = 0;
  PortKind port_kind{};
  PortNote port_note{};
  std::string device;
};
// Code::corrupt: not a record of this protocol and version.
Result<Answer> parse_reply(std::span<const uint8_t> bytes);

// ---- connection

class JailClient {
 public:
  static Result<JailClient> connect(const std::string& socket_path);

  // For an event loop: readable when receive() has something.
  int fd() const { return fd_.get(); }
  Status send(const Request& request, std::span<const int> descriptors = {});
  // Waits. Code::unreachable: the jail is gone.
  Result<Answer> receive();

 private:
  explicit JailClient(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace bridle::jail
