#include "switch/drivers/hazards.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace bridle::net {
namespace {

thread_local volatile uint64_t met = 0;

// The page, of whatever size pages of this mapping are.
bool replace_page(void* address) {
  for (const uintptr_t size : {uintptr_t{1} << 12, uintptr_t{1} << 21, uintptr_t{1} << 30}) {
    void* page = reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(address) & ~(size - 1));
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    if (::mmap(page, size, PROT_READ | PROT_WRITE, flags, -1, 0) == page) return true;
  }
  return false;
}

void on_bus_error(int, siginfo_t* about, void*) {
  const int saved = errno;
  met = met + 1;
  const bool repaired =
      about->si_code == BUS_ADRERR && met < most_repairs && replace_page(about->si_addr);
  if (!repaired) {
    ::signal(SIGBUS, SIG_DFL);  // the access is tried again, and ends the process
  }
  errno = saved;
}

void on_interrupt(int) { met = met + 1; }

Status install(int number, struct sigaction& action) {
  sigemptyset(&action.sa_mask);
  if (::sigaction(number, &action, nullptr) == 0) return {};
  return errno_error("installing a signal handler");
}

}  // namespace

Status install_hazard_handlers() {
  struct sigaction bus {};
  bus.sa_sigaction = on_bus_error;
  bus.sa_flags = SA_SIGINFO;
  BRIDLE_CHECK(install(SIGBUS, bus));
  struct sigaction interrupt {};
  interrupt.sa_handler = on_interrupt;  // without SA_RESTART
  return install(interrupt_signal, interrupt);
}

uint64_t hazards_met() { return met; }

}  // namespace bridle::net
