// The screens of running guests (guests.h): connections and pictures.
//
// QEMU's VNC server listens nowhere. A connection is made here and one end of it handed to QEMU
// over its monitor (getfd, add_client); a picture is written by QEMU into a file that only the two
// of them have (add-fd, screendump).
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "daemon/guests.h"
#include "wire/socket.h"

namespace bridle::daemon {
namespace {

constexpr off_t largest_picture = 32 << 20;
constexpr uint64_t first_picture_set = 1 << 20;  // above those of QEMU's arguments

Error no_screen(const Error& why) {
  return Error(Code::conflict, "QEMU shows no screen (" + why.message() +
                                   "): set spec.display to vga, then stop and start the machine");
}

// A file for QEMU to write: it takes only one that was opened for writing and nothing else.
Result<Fd> writer_of(const Fd& file) {
  return open_file("/proc/self/fd/" + std::to_string(file.get()), O_WRONLY);
}

Result<std::string> picture_in(const Fd& file) {
  struct stat st {};
  if (::fstat(file.get(), &st) != 0) return errno_error("the picture");
  if (st.st_size == 0 || st.st_size > largest_picture)
    return Error(Code::corrupt, "QEMU wrote a picture of " + std::to_string(st.st_size) + " bytes");
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return errno_error("the picture");
  return read_all(file.get(), static_cast<size_t>(largest_picture));
}

}  // namespace

GuestLink* Guests::running_link(const Uuid& uuid) {
  const auto found = guests_.find(uuid);
  const bool up = found != guests_.end() && found->second.link != nullptr &&
                  found->second.link->monitor_attached();
  return up ? found->second.link.get() : nullptr;
}

void Guests::open_display(const Uuid& uuid, std::function<void(Result<Fd>)> done) {
  GuestLink* link = running_link(uuid);
  if (link == nullptr) return done(Error(Code::conflict, "the machine does not run"));
  // add_client takes a connection also where there is no VNC server, and does nothing with it.
  link->command("qom-get", {{"path", "/machine/peripheral/display"}, {"property", "type"}},
                [this, uuid, done = std::move(done)](Result<boost::json::value> reply) {
                  if (!reply.ok()) return done(no_screen(reply.error()));
                  connect_display(uuid, done);
                });
}

void Guests::connect_display(const Uuid& uuid, const std::function<void(Result<Fd>)>& done) {
  GuestLink* link = running_link(uuid);
  if (link == nullptr) return done(Error(Code::conflict, "the machine does not run"));
  auto pair = wire::socket_pair(SOCK_STREAM);
  if (!pair.ok()) return done(std::move(pair).error());
  const std::string name = "display" + std::to_string(next_screen_++);
  link->hand_over("getfd", {{"fdname", name}}, std::move(pair->second),
                  [](const Result<boost::json::value>&) {});  // the next one tells
  const auto ours = std::make_shared<Fd>(std::move(pair->first));
  link->command("add_client", {{"protocol", "vnc"}, {"fdname", name}, {"skipauth", true}},
                [ours, done](Result<boost::json::value> reply) {
                  if (!reply.ok()) return done(no_screen(reply.error()));
                  done(std::move(*ours));
                });
}

void Guests::take_screen(const Uuid& uuid, std::function<void(Result<std::string>)> done) {
  GuestLink* link = running_link(uuid);
  if (link == nullptr) return done(Error(Code::conflict, "the machine does not run"));
  const auto file = std::make_shared<Fd>(::memfd_create("screen", MFD_CLOEXEC));
  auto writer = *file ? writer_of(*file) : Result<Fd>(errno_error("memfd_create"));
  if (!writer.ok()) return done(std::move(writer).error());
  const uint64_t set = first_picture_set + next_screen_++;
  const auto ignore = [](const Result<boost::json::value>&) {};
  link->hand_over("add-fd", {{"fdset-id", set}}, *std::move(writer), ignore);
  link->command("screendump",
                {{"filename", "/dev/fdset/" + std::to_string(set)}, {"format", "png"}},
                [file, done = std::move(done)](Result<boost::json::value> reply) {
                  if (!reply.ok()) return done(no_screen(reply.error()));
                  done(picture_in(*file));
                });
  if ((link = running_link(uuid)) != nullptr)
    link->command("remove-fd", {{"fdset-id", set}}, ignore);
}

}  // namespace bridle::daemon
