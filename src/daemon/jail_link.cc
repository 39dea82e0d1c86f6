#include "daemon/jail_link.h"

#include <array>

#include "base/log.h"
#include "wire/socket.h"

namespace bridle::daemon {
namespace {

constexpr auto retry_period = std::chrono::milliseconds(50);

}  // namespace

JailLink::JailLink(Loop& loop, std::string path, Callbacks callbacks)
    : loop_(loop), path_(std::move(path)), callbacks_(std::move(callbacks)) {
  retry_ = loop_.after(Duration(0), [this] { try_connect(); });
}

void JailLink::try_connect() {
  retry_.reset();
  auto fd = wire::connect_unix(path_, SOCK_SEQPACKET | SOCK_NONBLOCK);
  if (!fd.ok()) {
    retry_ = loop_.after(retry_period, [this] { try_connect(); });
    return;
  }
  fd_ = *std::move(fd);
  readable_ = loop_.on_readable(fd_.get(), [this] { read_all(); });
  callbacks_.up();
}

void JailLink::ask(jail::Request request, const std::vector<int>& descriptors, Done done) {
  if (!send(request, descriptors, done)) return;
  open_[request.id].done = std::move(done);
}

void JailLink::list(ListDone done) {
  jail::Request request = jail::make_request(jail::Verb::list, 0);
  Done failed = [done](Result<jail::Answer> answer) { done(std::move(answer).error()); };
  if (!send(request, {}, failed)) return;
  Open& open = open_[request.id];
  open.list_done = std::move(done);
  open.done = std::move(failed);
}

bool JailLink::send(jail::Request& request, const std::vector<int>& descriptors, Done& done) {
  request.id = next_id_++;
  Status sent = Error(Code::unreachable, "bridle-jail is not there; it is being restarted");
  if (is_up()) sent = wire::send_packet(fd_.get(), wire::bytes_of(request), descriptors);
  if (sent.ok()) return true;
  loop_.post([done = std::move(done), error = std::move(sent).error()]() mutable {
    done(std::move(error));
  });
  return false;
}

void JailLink::read_all() {
  // A bounded number of records a turn, so that nothing else starves.
  for (int i = 0; i < 64 && is_up(); ++i) {
    std::array<uint8_t, sizeof(jail::Reply)> record;
    auto packet = wire::receive_packet(fd_.get(), record);
    if (!packet.ok() && packet.error().code() == Code::exhausted) return;
    if (!packet.ok() || packet->size == 0) return lost();
    auto answer = jail::parse_reply({record.data(), packet->size});
    if (!answer.ok()) {
      log::error("bridle-jail is not understood", {{"why", answer.error().message()}});
      return lost();
    }
    dispatch(*std::move(answer));
  }
}

void JailLink::dispatch(jail::Answer answer) {
  if (answer.verb == jail::Verb::exited) return callbacks_.exited(answer);
  if (answer.verb == jail::Verb::tpm_lost) return callbacks_.tpm_lost(answer);
  const auto found = open_.find(answer.id);
  if (found == open_.end()) return;
  if (found->second.list_done && answer.status.ok())
    return gather(found->second, std::move(answer));
  const Done done = std::move(found->second.done);
  open_.erase(found);
  if (!answer.status.ok()) return done(std::move(answer.status).error());
  done(std::move(answer));
}

void JailLink::gather(Open& open, jail::Answer answer) {
  const uint64_t id = answer.id;
  const uint32_t count = answer.count;
  if (count > 0) open.gathered.push_back(std::move(answer));
  if (open.gathered.size() < count) return;
  const ListDone done = std::move(open.list_done);
  std::vector<jail::Answer> all = std::move(open.gathered);
  open_.erase(id);
  done(std::move(all));
}

void JailLink::lost() {
  readable_.reset();
  fd_.reset();
  std::map<uint64_t, Open> open;
  open.swap(open_);
  for (auto& [id, entry] : open)
    entry.done(Error(Code::unreachable, "bridle-jail ended before it answered"));
  callbacks_.down();
  retry_ = loop_.after(retry_period, [this] { try_connect(); });
}

}  // namespace bridle::daemon
