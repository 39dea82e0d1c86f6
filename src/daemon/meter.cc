#include "daemon/meter.h"

#include <sys/stat.h>

#include "fleet/objects.h"

namespace bridle::daemon {
namespace {

double size_of(const std::string& path) {
  struct stat seen {};
  return ::stat(path.c_str(), &seen) == 0 ? static_cast<double>(seen.st_size) : 0;
}

}  // namespace

Meter::Meter(Loop& loop, Clock& clock, const Layout& layout, store::Store& store, Scribe& scribe,
             Runner& runner)
    : loop_(loop),
      clock_(clock),
      layout_(layout),
      store_(store),
      scribe_(scribe),
      runner_(runner),
      timer_(loop.every(std::chrono::seconds(1), [this] { probe(); })) {}

void Meter::probe() {
  loop_.post([this, asked = clock_.now()] { lag_.observe(clock_.now() - asked); });
}

void Meter::write(api::MetricText& out, const fleet::HostFacts& facts) {
  out.family("bridle_build_info", "gauge", "Always 1; the labels say what runs.");
  out.sample({{"version", BRIDLE_VERSION}, {"engine", facts.engine}}, 1);
  out.one("bridle_host_cpus", "gauge", "Cores that guests may be promised.",
          static_cast<double>(facts.cpu_millicores) / 1000);
  out.one("bridle_host_memory_bytes", "gauge", "Memory of the host.",
          static_cast<double>(facts.memory_bytes));
  out.one("bridle_guests_attached", "gauge", "Guests whose monitor answers this bridled.",
          static_cast<double>(runner_.controller().attached()));
  lag_.write(out, "bridle_loop_lag_seconds",
             "How late the daemon's loop calls back, probed once a second.");
  runner_.steps().write(out, "bridle_controller_step_duration_seconds",
                        "One event through the control loops, with the actions it led to.");
  write_objects(out);
  write_files(out);
}

void Meter::write_objects(api::MetricText& out) {
  out.family("bridle_store_objects", "gauge", "Objects in the store, by kind.");
  for (const model::KindInfo& kind : model::all_kinds()) {
    double count = 0;
    runner_.controller().objects().each(kind.kind, [&](const fleet::Row&) { ++count; });
    out.sample({{"kind", std::string(kind.name)}}, count);
  }
}

void Meter::write_files(api::MetricText& out) {
  out.one("bridle_store_revision", "gauge", "The store's revision: it rises with every commit.",
          static_cast<double>(store_.revision()));
  out.family("bridle_store_size_bytes", "gauge", "Size of the store's files.");
  for (const char* suffix : {"", "-wal"})
    out.sample({{"file", std::string("store.db") + suffix}},
               size_of(layout_.store_file() + suffix));
  const Scribe::Figures ledger = scribe_.figures();
  out.one("bridle_ledger_entries", "gauge", "Entries of the ledger.",
          static_cast<double>(ledger.entries));
  out.one("bridle_ledger_open_intents", "gauge",
          "Acts that were announced and have no outcome yet.",
          static_cast<double>(ledger.open_intents));
  out.one("bridle_ledger_size_bytes", "gauge", "Size of the ledger's file.",
          size_of(layout_.ledger() + "/ledger.log"));
}

}  // namespace bridle::daemon
