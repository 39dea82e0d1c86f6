#include <boost/json.hpp>
#include <type_traits>

#include "switch/config_fields.h"

namespace bridle::net {
namespace {

struct Writer {
  json::object out;

  template <typename T>
  void operator()(std::string_view name, T& member, const T& otherwise) {
    // What is as it would be anyway is not written.
    if (!(member == otherwise)) out[name] = value_of(member);
  }

  template <typename T>
  static json::value value_of(T& it) {
    if constexpr (std::is_same_v<T, bool>) {
      return it;
    } else if constexpr (std::is_unsigned_v<T>) {
      return static_cast<uint64_t>(it);
    } else if constexpr (std::is_enum_v<T>) {
      return json::string(Words<T>::all[static_cast<size_t>(it)]);
    } else if constexpr (std::is_same_v<T, std::string>) {
      return json::string(it);
    } else if constexpr (requires {
                           it.text();
                           T::parse(std::string_view{});
                         }) {
      return json::string(it.text());
    } else if constexpr (requires { it.has_value(); }) {
      return value_of(*it);
    } else if constexpr (requires { it.push_back(it[0]); }) {
      json::array list;
      list.reserve(it.size());
      for (auto& item : it) list.push_back(value_of(item));
      return list;
    } else {
      Writer members;
      const T otherwise{};
      describe(members, it, otherwise);
      return std::move(members.out);
    }
  }
};

}  // namespace

json::object to_json(const Config& config) {
  Config copy = config;  // describe() is one for readers, too
  return Writer::value_of(copy).as_object();
}

}  // namespace bridle::net
