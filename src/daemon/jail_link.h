// JailLink: bridled's side of the jail's socket. Requests get ids; replies find their callers; a
// lost jail fails every open request with Code::unreachable and is reconnected by itself.
//
// Thread class: the loop's thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "daemon/loop.h"
#include "jail/client.h"

namespace bridle::daemon {

class JailLink {
 public:
  using Done = std::function<void(Result<jail::Answer>)>;
  using ListDone = std::function<void(Result<std::vector<jail::Answer>>)>;
  struct Callbacks {
    std::function<void()> up;
    std::function<void()> down;
    std::function<void(const jail::Answer&)> exited;    // Verb::exited, unasked
    std::function<void(const jail::Answer&)> tpm_lost;  // likewise
  };

  JailLink(Loop& loop, std::string path, Callbacks callbacks);

  bool is_up() const { return fd_.valid(); }
  // The descriptors are sent before it returns: the caller may close them. request.id is filled in.
  void ask(jail::Request request, const std::vector<int>& descriptors, Done done);
  // Verb::list: gathers its replies.
  void list(ListDone done);

 private:
  struct Open {
    Done done;
    ListDone list_done;
    std::vector<jail::Answer> gathered;
  };

  void try_connect();
  void read_all();
  void dispatch(jail::Answer answer);
  void gather(Open& open, jail::Answer answer);
  bool send(jail::Request& request, const std::vector<int>& descriptors, Done& done);
  void lost();

  Loop& loop_;
  std::string path_;
  Callbacks callbacks_;
  Fd fd_;
  uint64_t next_id_ = 1;
  std::map<uint64_t, Open> open_;
  std::unique_ptr<Handle> retry_, readable_;
};

}  // namespace bridle::daemon
