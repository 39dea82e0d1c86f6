// Reader: takes typed fields out of a JSON object for the typed views (machine.h and siblings).
// An absent or null key leaves the out parameter alone, so that a view's member initialisers are
// the defaults; unknown keys are the schema's business (schema.h), not this one's. The first
// error is kept, with its path; later calls do nothing.
//
//   Reader read(status, "status");
//   read.text("reason", view.reason);
//   read.list("macs", [&](Reader& mac) { ... });
//   BRIDLE_CHECK(read.status());
//
// Thread class: a value on one thread; it borrows the object.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/result.h"
#include "model/path.h"

namespace bridle::model {

namespace json = boost::json;

class Reader {
 public:
  Reader(const json::object& object, std::string path) : object_(object), path_(std::move(path)) {}

  void text(std::string_view key, std::string& out);
  void texts(std::string_view key, std::vector<std::string>& out);
  void map(std::string_view key, std::map<std::string, std::string>& out);
  void flag(std::string_view key, bool& out);
  void number(std::string_view key, uint64_t& out);
  void number(std::string_view key, uint32_t& out);
  void bytes(std::string_view key, uint64_t& out);  // quantity.h
  void cores(std::string_view key, uint64_t& out);  // thousandths
  void duration(std::string_view key, Duration& out);
  void time(std::string_view key, std::optional<WallTime>& out);
  void uuid(std::string_view key, Uuid& out);

  // One of words; out becomes the index, as an enum whose values count from 0 in that order.
  template <typename Enum>
  void choice(std::string_view key, std::span<const std::string_view> words, Enum& out) {
    size_t index = static_cast<size_t>(out);
    choose(key, words, index);
    out = static_cast<Enum>(index);
  }

  // Calls step with a Reader of the object below key, if it is there.
  template <typename Step>
  void object(std::string_view key, Step step) {
    const json::value* value = find(key);
    if (value == nullptr) return;
    const json::object* inner = value->if_object();
    if (inner == nullptr) return fail(key, "expected an object");
    Reader reader(*inner, path_to_key(path_, key));
    step(reader);
    adopt(reader);
  }

  // Calls step with a Reader of each object of the list below key.
  template <typename Step>
  void list(std::string_view key, Step step) {
    const json::value* value = find(key);
    if (value == nullptr) return;
    const json::array* items = value->if_array();
    if (items == nullptr) return fail(key, "expected a list");
    for (size_t i = 0; i < items->size() && !error_; ++i) {
      const json::object* item = (*items)[i].if_object();
      if (item == nullptr) return fail(key, "expected a list of objects");
      Reader reader(*item, path_to_index(path_to_key(path_, key), i));
      step(reader);
      adopt(reader);
    }
  }

  bool has(std::string_view key) const { return object_.if_contains(key) != nullptr; }
  void fail(std::string_view key, std::string_view message);
  Status status() const;

 private:
  const json::value* find(std::string_view key) const;  // null when absent, null or failed before
  void choose(std::string_view key, std::span<const std::string_view> words, size_t& index);
  void adopt(const Reader& inner);

  const json::object& object_;
  std::string path_;
  std::optional<Error> error_;
};

}  // namespace bridle::model
