#include "image/tar_index.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

namespace bridle::image {
namespace {

constexpr size_t block = 512;
constexpr size_t name_size = 100, size_at = 124, checksum_at = 148, type_at = 156, magic_at = 257,
                 prefix_at = 345;

Error wrong(Code code, uint64_t at, const std::string& what) {
  return Error(code, "archive, byte " + std::to_string(at) + ": " + what);
}

// Octal digits, ended by a blank or NUL; or base 256 where the first bit is set.
Result<uint64_t> number_of(std::string_view field) {
  if ((static_cast<uint8_t>(field[0]) & 0x80) != 0) {
    if (static_cast<uint8_t>(field[0]) != 0x80)
      return Error(Code::corrupt, "a size that is negative or too large");
    uint64_t value = 0;
    for (const char c : field.substr(1)) {
      if (value >> 55 != 0) return Error(Code::corrupt, "a size that is too large");
      value = value << 8 | static_cast<uint8_t>(c);
    }
    return value;
  }
  uint64_t value = 0;
  size_t i = 0;
  while (i < field.size() && field[i] == ' ') ++i;
  const size_t first = i;
  for (; i < field.size() && field[i] >= '0' && field[i] <= '7'; ++i)
    value = value << 3 | static_cast<uint64_t>(field[i] - '0');
  if (i == first || (i < field.size() && field[i] != ' ' && field[i] != '\0'))
    return Error(Code::corrupt, "a number that is not octal");
  return value;
}

uint64_t checksum(std::string_view header) {
  uint64_t sum = 0;
  for (size_t i = 0; i < block; ++i)
    sum += i >= checksum_at && i < checksum_at + 8 ? ' ' : static_cast<uint8_t>(header[i]);
  return sum;
}

std::string_view text_of(std::string_view field) { return field.substr(0, field.find('\0')); }

std::string shown(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

std::string_view kind_of(char type) {
  switch (type) {
    case '1':
      return "a hard link";
    case '2':
      return "a symbolic link";
    case '3':
    case '4':
      return "a device";
    case '5':
      return "a folder";
    case '6':
      return "a pipe";
    default:
      return "of a kind that an OVA has not";
  }
}

Status check_name(std::string_view name, uint64_t at) {
  if (name.empty()) return wrong(Code::refused, at, "a member without a name");
  for (const char c : name)
    if (c < ' ' || c > '~')
      return wrong(Code::refused, at, "the name \"" + shown(name) + "\" is not plain ASCII");
  if (name.find_first_of("/\\") != std::string_view::npos || name == "." || name == "..")
    return wrong(Code::refused, at,
                 "the name \"" + shown(name) +
                     "\" is a path; an OVA's members have plain names: pack it again without "
                     "folders");
  return {};
}

Result<TarMember> read_member(std::string_view header, uint64_t at) {
  const auto sum = number_of(header.substr(checksum_at, 8));
  if (!sum.ok() || *sum != checksum(header))
    return wrong(Code::corrupt, at, "the header's checksum is wrong: the archive is damaged");
  if (!header.substr(magic_at).starts_with("ustar"))
    return wrong(Code::refused, at, "not the ustar format that OVAs have");
  TarMember member;
  member.name = text_of(header.substr(0, name_size));
  const char type = header[type_at];
  if (type != '0' && type != '\0')
    return wrong(Code::refused, at,
                 "\"" + shown(member.name) + "\" is " + std::string(kind_of(type)) +
                     "; an OVA has plain files only: pack it again with: tar --format=ustar");
  // GNU's magic has other things where ustar has the prefix.
  if (header.substr(magic_at, 6) == std::string_view("ustar\0", 6) && header[prefix_at] != '\0')
    return wrong(Code::refused, at, "\"" + shown(member.name) + "\" is in a folder");
  BRIDLE_CHECK(check_name(member.name, at));
  auto size = number_of(header.substr(size_at, 12));
  if (!size.ok()) return wrong(Code::corrupt, at, size.error().message());
  member.size = *size;
  member.offset = at + block;
  return member;
}

bool is_zero(std::string_view header) {
  return header.find_first_not_of('\0') == std::string_view::npos;
}

bool same_name(const std::string& a, const std::string& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) ==
                  std::tolower(static_cast<unsigned char>(y));
         });
}

}  // namespace

bool looks_like_tar(const ByteSource& file) {
  const auto head = file.read(0, block);
  return head.ok() && std::string_view(*head).substr(magic_at).starts_with("ustar");
}

Result<std::vector<TarMember>> index_tar(const ByteSource& file) {
  std::vector<TarMember> members;
  uint64_t at = 0;
  while (true) {
    const auto header = file.read(at, block);
    if (!header.ok())
      return wrong(Code::corrupt, at,
                   "the archive ends here without its end mark: it was cut "
                   "short; copy or download it again");
    if (is_zero(*header)) return members;
    BRIDLE_TRY(TarMember member, read_member(*header, at));
    if (member.size > file.size() - member.offset)
      return wrong(Code::corrupt, at,
                   "\"" + member.name + "\" has " + std::to_string(member.size) +
                       " bytes, more than the archive: it was cut short; copy or download it "
                       "again");
    for (const TarMember& other : members)
      if (same_name(other.name, member.name))
        return wrong(Code::refused, at, "\"" + member.name + "\" is in the archive twice");
    if (members.size() == most_members)
      return wrong(Code::refused, at,
                   "more than " + std::to_string(most_members) + " members in the archive");
    at = member.offset + (member.size + block - 1) / block * block;
    members.push_back(std::move(member));
  }
}

std::string tar_header(const std::string& name, uint64_t size) {
  std::string header(block, '\0');
  header.replace(0, name.size(), name);
  const auto put = [&](size_t at, const std::string& text) {
    header.replace(at, text.size(), text);
  };
  char digits[16];
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  if (size >> 33 == 0) {
    std::snprintf(digits, sizeof digits, "%011llo", static_cast<unsigned long long>(size));
    put(size_at, digits);
  } else {
    header[size_at] = static_cast<char>(0x80);
    for (size_t i = 0; i < 8; ++i)
      header[size_at + 4 + i] = static_cast<char>(size >> (56 - 8 * i));
  }
  put(136, "00000000000");
  header[type_at] = '0';
  put(magic_at, std::string("ustar\0"
                            "00",
                            8));
  std::snprintf(digits, sizeof digits, "%06llo", static_cast<unsigned long long>(checksum(header)));
  put(checksum_at, digits);
  header[checksum_at + 6] = '\0';
  header[checksum_at + 7] = ' ';
  return header;
}

}  // namespace bridle::image
