#include <boost/json.hpp>
#include <concepts>
#include <type_traits>

#include "switch/config_fields.h"

namespace bridle::net {
namespace {

constexpr size_t longest_list = 1'000'000, longest_text = 4096;

template <typename T>
struct IsVector : std::false_type {};
template <typename T>
struct IsVector<std::vector<T>> : std::true_type {};
template <typename T>
struct IsOptional : std::false_type {};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type {};

// Reads a document into values; the first error, with its path, ends it.
class Reader {
 public:
  template <typename T>
  bool read(const json::value& from, T& into) {
    if constexpr (std::is_same_v<T, bool>) {
      return from.is_bool() ? (into = from.get_bool(), true) : fail("expected true or false");
    } else if constexpr (std::is_unsigned_v<T>) {
      return read_number(from, into);
    } else if constexpr (std::is_enum_v<T>) {
      return read_word(from, into);
    } else if constexpr (std::is_same_v<T, std::string>) {
      return read_text(from, into);
    } else if constexpr (IsVector<T>::value) {
      return read_list(from, into);
    } else if constexpr (IsOptional<T>::value) {
      return read(from, into.emplace());
    } else if constexpr (requires { T::parse(std::string_view{}); }) {
      return read_parsed(from, into);
    } else {
      return read_members(from, into);
    }
  }

  template <typename T>
  bool read_members(const json::value& from, T& into) {
    if (!from.is_object()) return fail("expected an object");
    Members<T> members{*this, from.get_object()};
    const T otherwise{};
    describe(members, into, otherwise);
    if (!members.ok) return false;
    return members.found == from.get_object().size() || fail_unknown(from.get_object(), into);
  }

  Error error() const { return Error(Code::invalid, error_); }

 private:
  // The visitor of one object's members.
  template <typename T>
  struct Members {
    Reader& reader;
    const json::object& object;
    size_t found = 0;
    bool ok = true;
    template <typename Member>
    void operator()(std::string_view name, Member& member, const Member& /*otherwise*/) {
      const json::value* value = ok ? object.if_contains(name) : nullptr;
      if (value == nullptr) return;
      ++found;
      const size_t before = reader.enter(name);
      ok = reader.read(*value, member);
      reader.path_.resize(before);
    }
  };

  struct Names {
    std::string_view wanted;
    bool known = false;
    template <typename Member>
    void operator()(std::string_view name, Member& /*member*/, const Member& /*otherwise*/) {
      known = known || name == wanted;
    }
  };

  size_t enter(std::string_view name) {
    const size_t before = path_.size();
    if (!path_.empty()) path_ += '.';
    path_ += name;
    return before;
  }

  bool fail(std::string_view what) {
    error_ = path_.empty() ? std::string(what) : path_ + ": " + std::string(what);
    return false;
  }

  template <typename T>
  bool fail_unknown(const json::object& object, T& value) {
    for (const auto& member : object) {
      Names names{member.key()};
      describe(names, value, value);
      if (names.known) continue;
      enter(std::string_view(member.key()).substr(0, 64));
      return fail("no such member");
    }
    return fail("a member twice");
  }

  template <typename T>
  bool read_number(const json::value& from, T& into) {
    boost::system::error_code wrong;
    const auto number = from.is_number() ? from.to_number<uint64_t>(wrong) : 0;
    if (!from.is_number() || from.is_double() || wrong || number > std::numeric_limits<T>::max())
      return fail("expected a whole number up to " + std::to_string(std::numeric_limits<T>::max()));
    into = static_cast<T>(number);
    return true;
  }

  template <typename T>
  bool read_word(const json::value& from, T& into) {
    std::string words;
    for (size_t i = 0; i < Words<T>::all.size(); ++i) {
      if (from.is_string() && from.get_string() == Words<T>::all[i]) {
        into = static_cast<T>(i);
        return true;
      }
      words += (i == 0 ? "" : ", ") + std::string(Words<T>::all[i]);
    }
    return fail("expected one of " + words);
  }

  bool read_text(const json::value& from, std::string& into) {
    if (!from.is_string()) return fail("expected a string");
    into = from.get_string();
    if (into.size() > longest_text) return fail("too long");
    for (const char c : into)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return fail("control character");
    return true;
  }

  template <typename T>
  bool read_list(const json::value& from, std::vector<T>& into) {
    if (!from.is_array()) return fail("expected a list");
    const json::array& list = from.get_array();
    if (list.size() > longest_list) return fail("too long");
    into.clear();
    into.reserve(list.size());
    const size_t before = path_.size();
    for (size_t i = 0; i < list.size(); ++i) {
      path_ += '[' + std::to_string(i) + ']';
      if (!read(list[i], into.emplace_back())) return false;
      path_.resize(before);
    }
    return true;
  }

  template <typename T>
  bool read_parsed(const json::value& from, T& into) {
    std::string text;
    if (!read_text(from, text)) return false;
    auto parsed = T::parse(text);
    if (!parsed.ok()) return fail(parsed.error().message());
    into = *parsed;
    return true;
  }

  std::string path_, error_;
};

}  // namespace

Result<Config> config_from_json(const json::object& document) {
  Config config;
  Reader reader;
  if (!reader.read_members(json::value(document), config)) return reader.error();
  return config;
}

}  // namespace bridle::net
