// Objects as the handlers meet them: read from the store, shown to people, written back.
//
// Thread class: the loop's thread. Errors: the store's; Code::not_found names the object;
// Code::corrupt where stored bytes are not an object.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/backend.h"
#include "api/route.h"
#include "model/object.h"
#include "store/store.h"

namespace bridle::api {

// metadata.revision is the newer of spec's and status's. The status of a Project is counted anew
// (tenancy.h); the rest is as it is stored.
struct Stored {
  model::Object object;
  Revision spec_revision = 0;  // what a compare-and-put of the spec key must expect
};

Result<std::optional<Stored>> find_object(store::Store& store, model::Kind kind,
                                          std::string_view project, std::string_view name);
Result<Stored> read_object(store::Store& store, model::Kind kind, std::string_view project,
                           std::string_view name);

// What people may see: secrets are blanked (model/schema.h says what is one).
json::object shown(const model::Object& object);
// The same as JSON text, without copies on the way. status: as it is stored, instead of the
// object's; may be empty. Code::corrupt: it is no JSON object.
std::string shown_text(model::Object object);
Result<std::string> shown_text(model::Object object, std::string_view status);

// A put of the object's spec that expects the revision it was read at (0: that it is absent).
store::Write put_spec(const model::Object& object, Revision expected);

// The act of the exchange's caller on this object.
Act act_on(const Exchange& exchange, std::string_view verb, const model::Object& object);

// Hands the mutation over; when it is committed answers with the object as the store then has it.
// status: of success.
void mutate_and_answer(ExchangePtr exchange, Mutation mutation, model::Kind kind,
                       std::string project, std::string name, int status);

// "k=v,k2!=v2,k3": labels an object must have. Code::invalid: not that grammar, or over 16 terms.
class Selector {
 public:
  static Result<Selector> parse(std::string_view text);
  bool matches(const std::map<std::string, std::string>& labels) const;

 private:
  enum class Test { equal, differs, present };
  struct Term {
    std::string key, value;
    Test test = Test::present;
  };
  std::vector<Term> terms_;
};

}  // namespace bridle::api
