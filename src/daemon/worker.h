// Worker: a thread for what blocks (syncing the ledger, digests, qemu-img), so that the loop never
// does. Jobs of one Worker run one after another, in order; their ends are posted to the loop.
//
// Thread class: run() on the loop's thread. The job runs on the worker's: it may touch only what
// it owns. Destroying the Worker waits for the job that runs and drops the rest.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "daemon/loop.h"

namespace bridle::daemon {

class Worker {
 public:
  explicit Worker(Loop& loop);
  ~Worker();

  // done(result of job) on the loop's thread.
  template <typename Job, typename Done>
  void run(Job job, Done done) {
    push([this, job = std::move(job), done = std::move(done)]() mutable {
      loop_.post([result = std::make_shared<decltype(job())>(job()),
                  done = std::move(done)]() mutable { done(std::move(*result)); });
    });
  }

 private:
  void push(std::function<void()> job);
  void work();

  Loop& loop_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;  // guarded by mutex_
  bool ending_ = false;                     // guarded by mutex_
  std::thread thread_;
};

}  // namespace bridle::daemon
