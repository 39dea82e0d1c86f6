#include "jail/attendant.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/crash_point.h"
#include "base/file.h"
#include "base/log.h"
#include "jail/console.h"
#include "jail/console_ring.h"
#include "jail/loop.h"
#include "jail/process.h"
#include "jail/seccomp.h"
#include "wire/socket.h"

namespace bridle::jail {
namespace {

using namespace std::chrono_literals;

constexpr size_t chunk_size = 16 << 10;
constexpr size_t max_clients = 32;
constexpr size_t max_typed = 64 << 10;
constexpr size_t errors_kept = 4096;
constexpr uint64_t most_memory = 64 << 20;  // queues of all clients, and what the jail had

struct Client {
  enum class Mode { greeting, status, console };
  Fd fd;
  Mode mode = Mode::greeting;
  std::string greeting;
  ConsoleQueue queue;
};

class Attendant {
 public:
  Attendant(AttendantTask task, ConsoleRing ring, Loop loop)
      : task_(std::move(task)), ring_(std::move(ring)), loop_(std::move(loop)) {}

  Status serve() {
    BRIDLE_CHECK(loop_.watch(task_.qemu.get(), EPOLLIN, [this](uint32_t) { qemu_ended(); }));
    BRIDLE_CHECK(loop_.watch(task_.listener.get(), EPOLLIN, [this](uint32_t) { welcome(); }));
    if (task_.tpm)
      BRIDLE_CHECK(loop_.watch(task_.tpm.get(), EPOLLIN, [this](uint32_t) { tpm_ended(); }));
    BRIDLE_CHECK(loop_.watch(task_.errors.get(), EPOLLIN, [this](uint32_t) { read_errors(); }));
    connect_serial();
    return loop_.run();
  }

 private:
  // ---- QEMU's serial port
  void connect_serial() {
    auto fd = wire::connect_unix("/serial.sock", SOCK_STREAM | SOCK_NONBLOCK);
    if (!fd || !loop_.watch(fd->get(), EPOLLIN, [this](uint32_t e) { serial_ready(e); }).ok()) {
      loop_.after(50ms, [this] { connect_serial(); });
      return;
    }
    serial_ = *std::move(fd);
    write_serial();
  }

  void lose_serial() {
    loop_.forget(serial_.get());
    serial_.reset();
    loop_.after(50ms, [this] { connect_serial(); });
  }

  void serial_ready(uint32_t events) {
    if ((events & EPOLLOUT) != 0) write_serial();
    if (serial_ && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !read_serial()) lose_serial();
  }

  // false: the connection ended.
  bool read_serial() {
    char chunk[chunk_size];
    const ssize_t n = ::recv(serial_.get(), chunk, sizeof chunk, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    const std::string_view bytes(chunk, static_cast<size_t>(n));
    ring_.append(bytes);
    for (auto& [fd, client] : clients_) {
      if (client.mode != Client::Mode::console) continue;
      client.queue.offer(bytes);
      watch_client(client);
    }
    return true;
  }

  void write_serial() {
    if (!serial_) return;
    while (!typed_.empty()) {
      BRIDLE_CRASH_POINT("attendant.type");
      const ssize_t n =
          ::send(serial_.get(), typed_.data(), typed_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n <= 0) break;
      typed_.erase(0, static_cast<size_t>(n));
    }
    (void)loop_.change(serial_.get(), EPOLLIN | (typed_.empty() ? 0u : EPOLLOUT)).ok();
    if (typed_.size() < max_typed)
      for (auto& [fd, client] : clients_) watch_client(client);
  }

  // ---- clients
  void welcome() {
    auto fd = wire::accept_unix(task_.listener.get());
    if (!fd || clients_.size() >= max_clients) return;  // an excess one is closed at once
    const int number = fd->get();
    if (!loop_.watch(number, EPOLLIN, [this, number](uint32_t e) { client_ready(number, e); }).ok())
      return;
    clients_[number].fd = *std::move(fd);
  }

  void dismiss(int number) {
    loop_.forget(number);
    clients_.erase(number);
  }

  void watch_client(Client& client) {
    uint32_t events = 0;
    if (client.mode != Client::Mode::console || typed_.size() < max_typed) events |= EPOLLIN;
    if (!client.queue.pending().empty()) events |= EPOLLOUT;
    (void)loop_.change(client.fd.get(), events).ok();
  }

  void client_ready(int number, uint32_t events) {
    Client& client = clients_.at(number);
    const bool lost = (events & EPOLLIN) == 0 && (events & (EPOLLHUP | EPOLLERR)) != 0;
    if (lost || ((events & EPOLLOUT) != 0 && !flush(client)) ||
        ((events & EPOLLIN) != 0 && !hear(client))) {
      dismiss(number);
      return;
    }
    watch_client(client);
  }

  static bool flush(Client& client) {
    const std::string_view bytes = client.queue.pending();
    BRIDLE_CRASH_POINT("attendant.tell");
    const ssize_t n =
        ::send(client.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    client.queue.consume(static_cast<size_t>(n));
    return true;
  }

  bool hear(Client& client) {
    char chunk[4096];
    const ssize_t n = ::recv(client.fd.get(), chunk, sizeof chunk, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    std::string_view bytes(chunk, static_cast<size_t>(n));
    if (client.mode == Client::Mode::greeting && !greet(client, bytes)) return false;
    if (client.mode == Client::Mode::console && !bytes.empty()) {
      typed_ += bytes;
      write_serial();
    }
    return true;
  }

  // Takes the first line off `bytes`; false: not a greeting of ours.
  bool greet(Client& client, std::string_view& bytes) {
    const size_t end = bytes.find('\n');
    client.greeting += bytes.substr(0, end);
    if (client.greeting.size() > longest_greeting) return false;
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (end == std::string_view::npos) return true;
    const auto mode = parse_mode(client.greeting);
    if (!mode) return false;
    client.mode = mode->status ? Client::Mode::status : Client::Mode::console;
    client.queue.begin(mode->status ? status_line(task_.qemu_pid, std::nullopt)
                                    : ring_.last(mode->scrollback));
    return flush(client);
  }

  // ---- QEMU's stderr and its end
  void read_errors() {
    char chunk[4096];
    const ssize_t n = ::read(task_.errors.get(), chunk, sizeof chunk);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return loop_.forget(task_.errors.get());
    errors_.append(chunk, static_cast<size_t>(n));
    if (errors_.size() > errors_kept) errors_.erase(0, errors_.size() - errors_kept);
  }

  std::string last_words() {
    for (int i = 0; i < 16; ++i) read_errors();
    while (!errors_.empty() && errors_.back() == '\n') errors_.pop_back();
    const size_t line = errors_.rfind('\n');
    return line == std::string::npos ? errors_ : errors_.substr(line + 1);
  }

  void qemu_ended() {
    loop_.forget(task_.qemu.get());
    if (const auto status = reap(task_.qemu.get())) {
      ExitNote note{*status, last_words()};
      const std::string bytes = encode(note);
      BRIDLE_CRASH_POINT("attendant.exit_note");
      if (::pwrite(task_.exit_note.get(), bytes.data(), bytes.size(), 0) < 0)
        log::error("cannot leave an exit note", {{"pid", std::to_string(task_.qemu_pid)}});
      return farewell(*status);
    }
    await_note(100);
  }

  // Not QEMU's parent: the jail is, and leaves the note; unless it died, too.
  void await_note(int tries) {
    char bytes[256];
    const ssize_t n = ::pread(task_.exit_note.get(), bytes, sizeof bytes, 0);
    const auto note = decode_exit_note({bytes, n > 0 ? static_cast<size_t>(n) : 0});
    if (note) return farewell(note->status);
    if (tries == 0) return farewell(-1);
    loop_.after(3ms, [this, tries] { await_note(tries - 1); });
  }

  void farewell(int status) {
    for (int i = 0; i < 64 && serial_ && read_serial(); ++i) {
      pollfd more{serial_.get(), POLLIN, 0};
      if (::poll(&more, 1, 0) != 1) break;
    }
    for (auto& [fd, client] : clients_)
      if (client.mode == Client::Mode::status)
        client.queue.offer(status_line(task_.qemu_pid, status));
    for (auto& [fd, client] : clients_) flush_at_last(client);
    if (!task_.tpm) return loop_.stop();
    is_last_ = true;  // a TPM ends when its QEMU has
    loop_.after(1s, [this] { loop_.stop(); });
  }

  void tpm_ended() {
    reap(task_.tpm.get());
    loop_.forget(task_.tpm.get());
    task_.tpm.reset();
    if (is_last_) loop_.stop();
  }

  static void flush_at_last(Client& client) {
    for (int i = 0; i < 64 && !client.queue.pending().empty(); ++i) {
      pollfd room{client.fd.get(), POLLOUT, 0};
      if (::poll(&room, 1, 20) != 1 || !flush(client)) return;
    }
  }

  AttendantTask task_;
  ConsoleRing ring_;
  Loop loop_;
  Fd serial_;
  bool is_last_ = false;  // QEMU ended; its TPM is waited for
  std::string typed_;     // not yet taken by QEMU
  std::string errors_;    // the end of QEMU's stderr
  std::map<int, Client> clients_;
};

Status keep_only(std::vector<int> kept) {
  std::sort(kept.begin(), kept.end());
  unsigned from = 3;
  for (const int fd : kept) {
    if (static_cast<unsigned>(fd) > from &&
        ::close_range(from, static_cast<unsigned>(fd) - 1, 0) != 0)
      return errno_error("close_range");
    from = static_cast<unsigned>(fd) + 1;
  }
  if (::close_range(from, ~0u, 0) != 0) return errno_error("close_range");
  return {};
}

Status run(AttendantTask task) {
  std::vector<int> kept = {task.qemu.get(), task.listener.get(), task.ring.get(),
                           task.exit_note.get(), task.errors.get()};
  if (task.tpm) kept.push_back(task.tpm.get());
  BRIDLE_CHECK(keep_only(std::move(kept)));
  BRIDLE_TRY(ConsoleRing ring, ConsoleRing::map(task.ring.get()));
  task.ring.reset();
  BRIDLE_TRY(Loop loop, Loop::create());
  // It lives longer than the jail: nobody should wait for its copy of the jail's output to close.
  BRIDLE_TRY(const Fd null, open_file("/dev/null", O_RDWR));
  for (int standard = 0; standard < 3; ++standard) ::dup2(null.get(), standard);
  (void)SystemClock().wall().text();  // lets the C library read its time zone while it can
  if (::chroot(task.folder.c_str()) != 0 || ::chdir("/") != 0) return errno_error(task.folder);
  BRIDLE_CHECK(set_resource_limits(
      {.open_files = 64, .file_size = ConsoleRing::file_size, .data = most_memory}));
  BRIDLE_CHECK(drop_privileges(task.uid));
  BRIDLE_CHECK(confine_attendant());
  return Attendant(std::move(task), std::move(ring), std::move(loop)).serve();
}

}  // namespace

void attend(AttendantTask task) {
  ::prctl(PR_SET_NAME, "bridle-attend");
  reset_signals();
  ::signal(SIGPIPE, SIG_IGN);
  const Status status = run(std::move(task));
  if (!status.ok()) log::error("an attendant cannot go on", {{"error", status.error().message()}});
  ::_exit(status.ok() ? 0 : 1);
}

}  // namespace bridle::jail
