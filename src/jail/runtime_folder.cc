// The files of run/g/UUID (guest_start.h).
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/crash_point.h"
#include "base/file.h"
#include "jail/console_ring.h"
#include "jail/guest_start.h"
#include "jail/validate.h"
#include "wire/socket.h"

namespace bridle::jail {
namespace {

Status give(const std::string& path, uid_t owner) {
  if (::lchown(path.c_str(), owner, owner) != 0) return errno_error(path);
  return {};
}

Result<Fd> listen_for(const std::string& path, uid_t owner, int type = SOCK_STREAM) {
  auto fd = type == SOCK_DGRAM ? wire::bind_datagram(path, 0600)
                               : wire::listen_unix(path, type | SOCK_NONBLOCK, 0600);
  if (!fd) return std::move(fd).error();
  BRIDLE_CHECK(give(path, owner));
  return fd;
}

Result<Fd> open_owned(const std::string& path, uid_t owner) {
  BRIDLE_TRY(Fd fd, open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (::fchown(fd.get(), owner, owner) != 0) return errno_error(path);
  return fd;
}

Result<Fd> open_errors(const std::string& path) {
  BRIDLE_CRASH_POINT("guest.errors");
  if (::mkfifo(path.c_str(), 0600) != 0 && errno != EEXIST) return errno_error(path);
  return open_file(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
}

}  // namespace

Status replace_file(const std::string& path, std::string_view bytes) {
  const std::string incomplete = path + ".incomplete";
  BRIDLE_TRY(const Fd fd, open_file(incomplete, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW));
  BRIDLE_CHECK(write_all(fd.get(), bytes).context(incomplete));
  BRIDLE_CRASH_POINT("record.rename");
  if (::rename(incomplete.c_str(), path.c_str()) != 0) return errno_error(path);
  return {};
}

Status make_runtime_folder(const Layout& layout, const Uuid& uuid) {
  BRIDLE_CRASH_POINT("guest.folder");
  if (::mkdir(layout.guest(uuid).c_str(), 0711) != 0) return errno_error(layout.guest(uuid));
  return {};
}

Result<GuestSockets> make_guest_sockets(const Layout& layout, const Record& record) {
  const std::string folder = layout.guest(record.uuid);
  const uint32_t slot = record.slot;
  GuestSockets sockets;
  BRIDLE_TRY(sockets.monitor, listen_for(folder + "/qmp.sock", layout.daemon_uid()));
  BRIDLE_TRY(sockets.serial, listen_for(folder + "/serial.sock", layout.attendant_uid(slot)));
  BRIDLE_TRY(sockets.agent, listen_for(folder + "/agent.sock", layout.daemon_uid()));
  for (unsigned i = 0; i < record.interface_count; ++i) {
    const std::string path = folder + "/net" + std::to_string(i) + ".sock";
    const bool vhost_user = record.attachments[i] == GuestAttachment::vhost_user;
    BRIDLE_TRY(Fd fd, vhost_user ? listen_for(path, layout.switch_uid(record.zone))
                                 : listen_for(path, layout.daemon_uid(), SOCK_DGRAM));
    sockets.interfaces.push_back(std::move(fd));
  }
  return sockets;
}

Result<AttendantFiles> open_attendant_files(const Layout& layout, const Uuid& uuid, uint32_t slot) {
  const std::string folder = layout.guest(uuid);
  const uid_t owner = layout.attendant_uid(slot);
  AttendantFiles files;
  BRIDLE_TRY(files.listener, listen_for(folder + "/attendant.sock", layout.daemon_uid()));
  BRIDLE_TRY(files.ring, open_owned(folder + "/serial.ring", owner));
  BRIDLE_TRY(files.exit_note, open_owned(folder + "/exit", owner));
  BRIDLE_TRY(files.errors, open_errors(folder + "/errors"));
  return files;
}

Status write_tpm(const Layout& layout, const Uuid& uuid, const ProcessId& tpm) {
  return replace_file(layout.guest(uuid) + "/tpm", encode(tpm));
}

Result<ProcessId> read_tpm(const std::string& folder) {
  BRIDLE_TRY(const std::string bytes, read_file(folder + "/tpm", 4096));
  return decode_tpm(bytes);
}

Status write_record(const Layout& layout, const Record& record) {
  return replace_file(layout.guest(record.uuid) + "/record", encode(record));
}

Result<Record> read_record(const std::string& folder) {
  BRIDLE_TRY(const std::string bytes, read_file(folder + "/record", 4096));
  return decode_record(bytes);
}

Status write_exit_note(const std::string& folder, const ExitNote& note) {
  BRIDLE_TRY(const Fd fd, open_file(folder + "/exit", O_WRONLY | O_NOFOLLOW));
  const std::string bytes = encode(note);
  BRIDLE_CRASH_POINT("jail.exit_note");
  if (::pwrite(fd.get(), bytes.data(), bytes.size(), 0) < 0) return errno_error(folder + "/exit");
  return {};
}

Result<ExitNote> read_exit_note(const std::string& folder) {
  BRIDLE_TRY(const Fd fd, open_file(folder + "/exit", O_RDONLY | O_NOFOLLOW));
  BRIDLE_TRY(const std::string bytes, read_all(fd.get(), 4096));
  return decode_exit_note(bytes);
}

Result<std::vector<std::string>> read_arguments(int memfd) {
  constexpr int wanted = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
  const int seals = ::fcntl(memfd, F_GET_SEALS);
  if (seals < 0 || (seals & wanted) != wanted)
    return Error(Code::refused,
                 "arguments must come in a memfd sealed against write, shrink, grow");
  struct stat st {};
  if (::fstat(memfd, &st) != 0) return errno_error("fstat");
  if (st.st_size > static_cast<off_t>(max_argument_bytes))
    return Error(Code::invalid, "arguments are larger than 256 KiB");
  std::string bytes(static_cast<size_t>(st.st_size), '\0');
  if (::pread(memfd, bytes.data(), bytes.size(), 0) != st.st_size)
    return errno_error("reading arguments");
  return split_arguments(bytes);
}

}  // namespace bridle::jail
