// bridle machine screen, vnc.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/output.h"
#include "wire/socket.h"

namespace bridle::cli {
namespace {

constexpr int patience_ms = 250;  // interrupts are looked at this often

Request request_for(Context& context, const Args& args, const std::string& what) {
  return {"GET", ApiClient::path(model::info(model::Kind::machine), context.globals().project,
                                 args.one("NAME")) +
                     "/" + what};
}

Result<int> run_screen(Context& context, const Args& args) {
  const std::string file = args.one("png");
  if (file.empty()) return wrong_use(context, "say where the picture goes: --png FILE");
  if (file == "-" && context.terminal().out)
    return wrong_use(context, "a picture is nothing for a terminal: --png FILE");
  BRIDLE_TRY(const Response answer,
             context.api().http().request(request_for(context, args, "screen")));
  if (answer.status != 200) return ApiClient::error_of(answer.status, answer.body);
  if (!answer.body.starts_with("\x89PNG\r\n\x1a\n"))
    return Error(Code::corrupt, "what came is no PNG");
  if (file == "-") {
    context.out() << answer.body << std::flush;
    return Exit::done;
  }
  BRIDLE_CHECK(write_file_durably(file, answer.body, 0600));
  return Exit::done;
}

// Where a viewer connects, and how it is told.
struct Door {
  Fd listener;
  std::string folder;  // made for it; empty: none
  std::string path;    // of the socket; empty: TCP
  std::string words;   // what to type

  Door() = default;
  Door(Door&&) = default;
  Door& operator=(Door&&) = default;
  ~Door() {
    if (!path.empty()) ::unlink(path.c_str());
    if (!folder.empty()) ::rmdir(folder.c_str());
  }
};

Result<Door> open_socket(const std::string& wanted) {
  Door door;
  std::string path = wanted;
  if (path.empty()) {
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    std::string folder = std::string(runtime == nullptr ? "/tmp" : runtime) + "/bridle-vnc-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) return errno_error(folder);
    door.folder = folder;
    path = folder + "/screen";
  }
  BRIDLE_TRY(door.listener, wire::listen_unix(path, SOCK_STREAM, 0600));
  door.path = path;
  door.words = "vncviewer " + path;
  return door;
}

Result<Door> open_port(const std::string& text) {
  uint16_t port = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (wrong != std::errc() || end != text.data() + text.size())
    return Error(Code::invalid, "--port: \"" + text + "\" is no port: 5900, or 0 for any");
  Door door;
  door.listener = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!door.listener ||
      ::setsockopt(door.listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::bind(door.listener.get(), generic, size) != 0 || ::listen(door.listener.get(), 4) != 0 ||
      ::getsockname(door.listener.get(), generic, &size) != 0)
    return errno_error("127.0.0.1 port " + text);
  door.words = "vncviewer 127.0.0.1::" + std::to_string(ntohs(address.sin_port));
  return door;
}

// True: there is something to read, or the end.
bool readable(int fd, bool& stop, Interrupts& interrupts) {
  pollfd wait{fd, POLLIN, 0};
  const int n = ::poll(&wait, 1, patience_ms);
  stop = interrupts.take();
  return n > 0;
}

// Some bytes from one to the other; false: one of them ended.
bool pass_on(int from, int to) {
  std::array<char, 65536> chunk;
  const ssize_t n = ::recv(from, chunk.data(), chunk.size(), 0);
  if (n < 0) return errno == EINTR || errno == EAGAIN;
  for (ssize_t sent = 0; sent < n;) {
    const ssize_t m = ::send(to, chunk.data() + sent, static_cast<size_t>(n - sent), MSG_NOSIGNAL);
    if (m < 0 && errno != EINTR) return false;
    if (m > 0) sent += m;
  }
  return n > 0;
}

// A viewer and the guest's screen, until one of them ends, or the person has enough (true).
bool relay(int viewer, const RawStream& screen, Interrupts& interrupts) {
  if (!screen.first.empty() && !write_all(viewer, screen.first).ok()) return false;
  while (true) {
    std::array<pollfd, 2> waits{{{viewer, POLLIN, 0}, {screen.fd.get(), POLLIN, 0}}};
    const int n = ::poll(waits.data(), waits.size(), patience_ms);
    if (interrupts.take()) return true;
    if (n <= 0) continue;
    if (waits[0].revents != 0 && !pass_on(viewer, screen.fd.get())) return false;
    if (waits[1].revents != 0 && !pass_on(screen.fd.get(), viewer)) return false;
  }
}

Result<RawStream> connect(Context& context, const Args& args) {
  BRIDLE_TRY(auto upgraded,
             context.api().http().upgrade(request_for(context, args, "vnc"), "bridle-stream"));
  if (!upgraded.stream) return ApiClient::error_of(upgraded.refusal.status, upgraded.refusal.body);
  return std::move(*upgraded.stream);
}

Result<int> run_vnc(Context& context, const Args& args) {
  if (args.has("port") && args.has("socket"))
    return wrong_use(context, "give --socket or --port, not both");
  // Asked before anybody is invited: whether there is a screen, and whether he may see it.
  BRIDLE_TRY(RawStream screen, connect(context, args));
  BRIDLE_TRY(const Door door,
             args.has("port") ? open_port(args.one("port")) : open_socket(args.one("socket")));
  Interrupts interrupts;
  context.out() << "The screen of machine/" << args.one("NAME") << " waits. Type: " << door.words
                << "\n";
  if (door.path.empty())
    context.out() << "(every user of this machine can connect to that port; Ctrl-C ends it)\n";
  context.out() << std::flush;
  for (bool stop = false, fresh = true; !stop;) {
    if (!readable(door.listener.get(), stop, interrupts)) continue;
    const Fd viewer(::accept4(door.listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!viewer) continue;
    if (!fresh) {
      BRIDLE_TRY(screen, connect(context, args));
    }
    fresh = false;
    stop = relay(viewer.get(), screen, interrupts) || args.has("once");
    screen.fd.reset();
  }
  return Exit::done;
}

}  // namespace

void add_display_commands(CommandTable& table) {
  const Operand name{"NAME", "the machine", 1, 1, Complete::machine};
  table.commands.push_back({{"machine", "screen"},
                            "Take a picture of a guest's screen",
                            "For a machine with spec.display vga.",
                            {name},
                            {{"--png", "FILE", "where the picture goes; - is stdout"}},
                            {{"bridle machine screen web --png web.png", "what it shows now"}},
                            run_screen});
  table.commands.push_back(
      {{"machine", "vnc"},
       "Let a VNC viewer on this machine see a guest's screen",
       "For a machine with spec.display vga. Prints what to type, then passes on what the viewer "
       "and "
       "the guest say, one viewer after the other, until Ctrl-C. By default the viewer connects to "
       "a "
       "unix socket that only you may open (TigerVNC takes its path).",
       {name},
       {{"--socket", "PATH", "make the socket there"},
        {"--port", "N", "listen on 127.0.0.1 instead, where every local user can connect; 0: any"},
        {"--once", "", "end with the first viewer"}},
       {{"bridle machine vnc web", "screen, keyboard and mouse"},
        {"bridle machine vnc web --port 5900 --once", "for a viewer without unix sockets"}},
       run_vnc});
}

}  // namespace bridle::cli
