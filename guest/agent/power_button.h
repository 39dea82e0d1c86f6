// PowerButton: the ACPI power button, as input devices that report KEY_POWER.
// Thread class: one thread.
#pragma once

namespace bridle::agent {

class PowerButton {
 public:
  static constexpr int most_devices = 4;
  // Opens every input device that has a power key; false: none yet.
  bool open();
  int count() const { return count_; }
  int fd(int index) const { return fds_[index]; }
  bool pressed(int index);  // reads what is there

 private:
  int fds_[most_devices];
  int count_ = 0;
};

}  // namespace bridle::agent
