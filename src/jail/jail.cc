#include "jail/jail.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/crash_point.h"
#include "base/log.h"
#include "jail/validate.h"
#include "wire/socket.h"

namespace bridle::jail {

using namespace std::chrono_literals;

namespace {

constexpr size_t max_clients = 4;
constexpr size_t max_unsent = 16384;

}  // namespace

Jail::Jail(Loop& loop, const Layout& layout, Cgroups& cgroups, const std::string& folder)
    : loop_(loop),
      layout_(layout),
      cgroups_(cgroups),
      guests_(loop, layout, cgroups,
              [this](const Reply& reply) {
                for (auto it = clients_.begin(); it != clients_.end();) send((it++)->first, reply);
              }),
      helpers_(loop, layout, cgroups, folder + "/bridle-image-helper",
               [this](uint64_t owner, const Reply& reply) { send(owner, reply); }),
      ports_(loop, layout,
             [this](const Uuid& guest, uint64_t boot) { return guests_.qemu_of(guest, boot); }),
      switches_(loop, layout, cgroups, folder + "/bridle-switch", ports_) {}

Status Jail::open() {
  BRIDLE_CHECK(cgroups_.prepare().context("preparing cgroups"));
  BRIDLE_CHECK(guests_.adopt());
  BRIDLE_CHECK(switches_.adopt());
  BRIDLE_TRY(listener_,
             wire::listen_unix(layout_.jail_socket(), SOCK_SEQPACKET | SOCK_NONBLOCK, 0600));
  if (::lchown(layout_.jail_socket().c_str(), layout_.daemon_uid(), layout_.daemon_uid()) != 0)
    return errno_error(layout_.jail_socket());
  return loop_.watch(listener_.get(), EPOLLIN, [this](uint32_t) { welcome(); });
}

// Who waits at the door keeps it ready: without a descriptor for him the loop would turn for
// nothing.
void Jail::welcome_later() {
  log::warning("no descriptor for a client: trying again in a second");
  loop_.forget(listener_.get());
  loop_.after(1s, [this] {
    const auto ready = [this](uint32_t) { welcome(); };
    if (!loop_.watch(listener_.get(), EPOLLIN, ready).ok()) welcome_later();
  });
}

void Jail::welcome() {
  auto fd = wire::accept_unix(listener_.get());
  if (!fd && fd.error().code() == Code::exhausted) return welcome_later();
  if (!fd) return;
  const auto peer = wire::peer_of(fd->get());
  if (!peer || peer->uid != layout_.daemon_uid()) {
    log::warning("refused a peer that is not bridled",
                 {{"uid", peer ? std::to_string(peer->uid) : "?"}});
    return;
  }
  if (clients_.size() >= max_clients) return;
  const uint64_t number = next_client_++;
  const auto ready = [this, number](uint32_t events) { client_ready(number, events); };
  if (!loop_.watch(fd->get(), EPOLLIN, ready).ok()) return;
  clients_[number].fd = *std::move(fd);
}

void Jail::dismiss(uint64_t number) {
  const auto found = clients_.find(number);
  if (found == clients_.end()) return;
  loop_.forget(found->second.fd.get());
  clients_.erase(found);
  helpers_.end_all_of(number);
}

void Jail::client_ready(uint64_t number, uint32_t events) {
  const auto found = clients_.find(number);
  if (found == clients_.end()) return;
  if ((events & EPOLLOUT) != 0 && !flush(found->second)) return dismiss(number);
  if ((events & EPOLLIN) != 0) {
    if (!hear(number)) dismiss(number);
  } else if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    dismiss(number);
  }
}

// false: the peer left, or does not speak the protocol.
bool Jail::hear(uint64_t number) {
  Request request{};
  auto packet =
      wire::receive_packet(clients_.at(number).fd.get(), wire::writable_bytes_of(request));
  if (!packet) return packet.error().code() == Code::exhausted;
  if (packet->size == 0) return false;
  if (packet->size != sizeof request) {
    log::warning("a record of a wrong size", {{"bytes", std::to_string(packet->size)}});
    return false;
  }
  serve(number, request, std::move(packet->descriptors));
  return true;
}

Status Jail::hello(const Request&, Reply& reply) {
  reply.count = static_cast<uint32_t>(guests_.count());
  return {};
}

Status Jail::signal(const Request& request, Reply& reply) {
  if (helpers_.knows(uuid_of(request))) return helpers_.signal(request, reply);
  return guests_.signal(request, reply);
}

bool Jail::serve_long(uint64_t number, const Request& request, std::vector<Fd>& descriptors) {
  const auto later = [this, number, id = request.id](Reply answer) {
    answer.id = id;
    send(number, answer);
  };
  const auto send_all = [this, number](const std::vector<Reply>& replies) {
    for (const Reply& reply : replies) send(number, reply);
  };
  switch (request.verb) {
    case Verb::start:
      guests_.start(request, std::move(descriptors), later);
      return true;
    case Verb::release:
      guests_.release(request, later);
      return true;
    case Verb::list:
      send_all(guests_.list(request.id));
      return true;
    case Verb::switch_start:
      switches_.start(request, later);
      return true;
    case Verb::switch_stop:
      switches_.stop(request, later);
      return true;
    case Verb::switch_list:
      send_all(switches_.list(request.id));
      return true;
    case Verb::port_list:
      send_all(ports_.list(request.id, request.zone));
      return true;
    default:
      return false;
  }
}

void Jail::serve(uint64_t number, const Request& request, std::vector<Fd> descriptors) {
  Reply reply = blank_reply(request.verb, request.id);
  std::memcpy(reply.uuid, request.uuid, sizeof reply.uuid);
  Status status = validate(request, descriptors.size());
  if (status.ok() && serve_long(number, request, descriptors)) return;
  const auto known = [&] { return switches_.check_known(request.zone); };
  struct Plain {
    Verb verb;
    std::function<Status()> serve;
  };
  const Plain plain[] = {
      {Verb::hello, [&] { return hello(request, reply); }},
      {Verb::signal, [&] { return signal(request, reply); }},
      {Verb::limits, [&] { return guests_.limits(request, reply); }},
      {Verb::place, [&] { return guests_.place(request, reply); }},
      {Verb::grow, [&] { return guests_.grow(request, reply); }},
      {Verb::usage, [&] { return guests_.usage(request, reply); }},
      {Verb::forget, [&] { return guests_.forget(request); }},
      {Verb::port_open, [&] { return known().ok() ? ports_.open(request, reply) : known(); }},
      {Verb::port_close, [&] { return ports_.close(request, reply); }},
      {Verb::nat_forwards, [&] { return ports_.forward(request, reply); }},
      {Verb::helper, [&] { return helpers_.run(request, std::move(descriptors), number, reply); }},
  };
  const auto entry = std::ranges::find(plain, request.verb, &Plain::verb);
  if (status.ok())
    status = entry != std::end(plain)
                 ? entry->serve()
                 : Status(Error(Code::invalid, "this jail knows no such verb"));
  if (!status.ok()) set_error(reply, status.error());
  send(number, reply);
}

void Jail::child_ended() {
  if (std::exchange(reap_tries_, 20) == 0) reap_strays();
}

// The kernel names one ended child at a time: behind one that its owner here is about to reap
// others may wait, so it is looked again.
void Jail::reap_strays() {
  while (true) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) break;
    if (guests_.waits_for(info.si_pid) || helpers_.waits_for(info.si_pid) ||
        switches_.waits_for(info.si_pid)) {
      if (--reap_tries_ <= 0) break;
      loop_.after(5ms, [this] { reap_strays(); });
      return;
    }
    ::waitpid(info.si_pid, nullptr, 0);
  }
  reap_tries_ = 0;
}

void Jail::send(uint64_t number, const Reply& reply) {
  const auto found = clients_.find(number);
  if (found == clients_.end()) return;  // it left; `list` will tell
  Client& client = found->second;
  client.unsent.push_back(reply);
  if (client.unsent.size() > max_unsent || !flush(client)) {
    log::warning("a client does not read its replies");
    ::shutdown(client.fd.get(), SHUT_RDWR);  // the loop then dismisses it
  }
}

bool Jail::flush(Client& client) {
  while (!client.unsent.empty()) {
    const auto bytes = wire::bytes_of(client.unsent.front());
    BRIDLE_CRASH_POINT("jail.reply");
    const ssize_t n =
        ::send(client.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) return false;
    if (n < 0) break;
    client.unsent.pop_front();
  }
  return loop_.change(client.fd.get(), EPOLLIN | (client.unsent.empty() ? 0u : EPOLLOUT)).ok();
}

}  // namespace bridle::jail
