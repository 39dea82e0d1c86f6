#include "power_button.h"

#include <fcntl.h>
#include <linux/input.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <string>

namespace bridle::agent {
namespace {

bool has_power_key(int fd) {
  unsigned char keys[KEY_MAX / 8 + 1] = {};
  if (::ioctl(fd, EVIOCGBIT(EV_KEY, sizeof keys), keys) < 0) return false;
  return (keys[KEY_POWER / 8] >> (KEY_POWER % 8) & 1) != 0;
}

}  // namespace

bool PowerButton::open() {
  for (int i = 0; i < 32 && count_ < most_devices; ++i) {
    const std::string path = "/dev/input/event" + std::to_string(i);
    const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) continue;
    if (has_power_key(fd))
      fds_[count_++] = fd;
    else
      ::close(fd);
  }
  return count_ > 0;
}

bool PowerButton::pressed(int index) {
  input_event event{};
  bool pressed = false;
  while (::read(fds_[index], &event, sizeof event) == sizeof event)
    pressed = pressed || (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1);
  return pressed;
}

}  // namespace bridle::agent
