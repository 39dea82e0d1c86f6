#include "daemon/store_feed.h"

#include "base/log.h"

namespace bridle::daemon {
namespace {

constexpr size_t changes_a_turn = 1000;

}  // namespace

StoreFeed::StoreFeed(Loop& loop, Runner& runner, store::Store& store)
    : loop_(loop), runner_(runner), store_(store) {
  runner_.handle<fleet::Commit>([this](auto& a) { commit(a); });
  store_.subscribe([this](Revision) {
    // Commits come in bursts: the changes of one turn of the loop are told together.
    if (scheduled_) return;
    scheduled_ = true;
    loop_.post([this] {
      scheduled_ = false;
      tell_changes();
    });
  });
}

Status StoreFeed::begin() {
  begun_ = true;
  return load();
}

Status StoreFeed::load() {
  BRIDLE_TRY(store::Listing all, store_.list("/"));
  told_ = all.revision;
  runner_.tell(fleet::StoreLoaded{all.revision, std::move(all.entries)});
  return {};
}

void StoreFeed::commit(fleet::Commit& action) {
  auto revision = store_.commit(action.writes, action.durability);
  if (!revision.ok())
    log::info("a commit of the controller's did not go through",
              {{"why", revision.error().message()}});
  runner_.tell(fleet::Committed{action.token, std::move(revision)});
}

void StoreFeed::tell_changes() {
  if (!begun_) return;
  while (told_ < store_.revision()) {
    auto changes = store_.changes("/", told_, changes_a_turn);
    if (!changes.ok()) {
      if (const auto loaded = load(); !loaded.ok())
        log::error("the store cannot be read", {{"why", loaded.error().message()}});
      break;
    }
    if (changes->empty()) {
      told_ = store_.revision();
      break;
    }
    told_ = changes->back().revision;
    runner_.tell(fleet::StoreChanged{*std::move(changes)});
  }
  if (also_) also_(store_.revision());
}

}  // namespace bridle::daemon
