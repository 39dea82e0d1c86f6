#include "image/ova.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/hash.h"
#include "image/ova_manifest.h"
#include "image/ovf.h"
#include "image/tar_index.h"

namespace bridle::image {
namespace {

constexpr size_t largest_text = 2 << 20;

const TarMember* with_ending(const std::vector<TarMember>& members, std::string_view ending) {
  for (const TarMember& member : members)
    if (member.name.ends_with(ending)) return &member;
  return nullptr;
}

Result<std::string> text_of(const ByteSource& file, const TarMember& member) {
  if (member.size > largest_text)
    return Error(Code::refused, "\"" + member.name + "\" is larger than " +
                                    std::to_string(largest_text) + " bytes");
  return file.read(member.offset, member.size);
}

Result<std::string> digest_of(const ByteSource& file, const TarMember& member,
                              const std::string& algorithm) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        EVP_MD_CTX_free);
  if (EVP_DigestInit_ex(context.get(), EVP_get_digestbyname(algorithm.c_str()), nullptr) != 1)
    return Error(Code::internal, "the digest " + algorithm + " is not to be had");
  constexpr uint64_t piece = 1 << 20;
  for (uint64_t at = 0; at < member.size; at += piece) {
    BRIDLE_TRY(const std::string bytes,
               file.read(member.offset + at, std::min(piece, member.size - at)));
    EVP_DigestUpdate(context.get(), bytes.data(), bytes.size());
  }
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_DigestFinal_ex(context.get(), digest.data(), &size);
  return hex(digest.data(), size);
}

class Opener {
 public:
  explicit Opener(const ByteSource& file) : file_(file) {}

  Result<Ova> open() {
    BRIDLE_TRY(members_, index_tar(file_));
    const TarMember* descriptor = with_ending(members_, ".ovf");
    if (descriptor == nullptr) return Error(Code::refused, "the archive has no .ovf: it is no OVA");
    if (std::count_if(members_.begin(), members_.end(),
                      [](const TarMember& m) { return m.name.ends_with(".ovf"); }) > 1)
      return Error(Code::refused, "the archive has several .ovf: it is no OVA");
    BRIDLE_CHECK(check_manifest());
    BRIDLE_TRY(const std::string text, text_of(file_, *descriptor));
    BRIDLE_TRY(ova_.hardware, parse_ovf(text));
    for (std::string& note : notes_) ova_.hardware.note(std::move(note));
    BRIDLE_CHECK(find_disks());
    return std::move(ova_);
  }

 private:
  const TarMember* member(std::string_view name) const {
    for (const TarMember& one : members_)
      if (one.name == name) return &one;
    return nullptr;
  }

  Status check_manifest() {
    const TarMember* manifest = with_ending(members_, ".mf");
    const TarMember* certificate = with_ending(members_, ".cert");
    if (manifest == nullptr) {
      if (certificate != nullptr)
        return Error(Code::refused, "the archive has a signature and no manifest that it signs");
      notes_.emplace_back("no manifest: nothing tells whether the OVA was changed");
      return {};
    }
    BRIDLE_TRY(const std::string text, text_of(file_, *manifest));
    if (certificate != nullptr) {
      BRIDLE_TRY(const std::string words, text_of(file_, *certificate));
      BRIDLE_TRY(const OvaSigner signer, check_signature(words, text, manifest->name));
      notes_.push_back("signed by \"" + signer.name + "\", certificate " + signer.fingerprint);
    } else {
      notes_.emplace_back("not signed: the manifest finds accidents only");
    }
    BRIDLE_TRY(const auto lines, parse_ova_manifest(text));
    BRIDLE_CHECK(check_digests(lines));
    return check_complete(lines, manifest, certificate);
  }

  Status check_digests(const std::vector<ManifestLine>& lines) {
    for (const ManifestLine& line : lines) {
      const TarMember* found = member(line.name);
      if (found == nullptr)
        return Error(Code::refused, "manifest: \"" + line.name + "\" is not in the archive");
      if (line.algorithm == "SHA1") notes_.push_back(line.name + ": SHA-1 finds accidents only");
      BRIDLE_TRY(const std::string digest, digest_of(file_, *found, line.algorithm));
      if (digest != line.digest)
        return Error(Code::corrupt, "\"" + line.name +
                                        "\" has another digest than the manifest "
                                        "says: it was changed or damaged; download it again");
    }
    return {};
  }

  Status check_complete(const std::vector<ManifestLine>& lines, const TarMember* manifest,
                        const TarMember* certificate) {
    for (const TarMember& one : members_) {
      if (&one == manifest || &one == certificate) continue;
      if (std::none_of(lines.begin(), lines.end(),
                       [&](const ManifestLine& line) { return line.name == one.name; }))
        return Error(Code::refused, "manifest: \"" + one.name +
                                        "\" is in the archive and not in "
                                        "the manifest");
    }
    return {};
  }

  Status find_disks() {
    for (const HardwareDisk& disk : ova_.hardware.disks) {
      Ova::Disk found{{}, disk};
      if (!disk.file.empty()) {
        const TarMember* one = member(disk.file);
        if (one == nullptr)
          return Error(Code::refused, "OVF: the disk \"" + disk.file + "\" is not in the archive");
        found.extent = {one->offset, one->size};
      }
      ova_.disks.push_back(std::move(found));
    }
    for (const TarMember& one : members_)
      if (!one.name.ends_with(".ovf") && !one.name.ends_with(".mf") &&
          !one.name.ends_with(".cert") &&
          std::none_of(ova_.disks.begin(), ova_.disks.end(),
                       [&](const Ova::Disk& d) { return d.hardware.file == one.name; }))
        ova_.hardware.note("\"" + one.name + "\" is no disk of the machine and is not taken over");
    return {};
  }

  const ByteSource& file_;
  std::vector<TarMember> members_;
  std::vector<std::string> notes_;
  Ova ova_;
};

// A part of another source.
class PartSource final : public ByteSource {
 public:
  PartSource(const ByteSource& whole, const DiskExtent& extent) : whole_(whole), extent_(extent) {}
  uint64_t size() const override { return extent_.size; }

 private:
  Result<std::string> read_inside(uint64_t offset, size_t count) const override {
    return whole_.read(extent_.offset + offset, count);
  }
  const ByteSource& whole_;
  DiskExtent extent_;
};

// The disks that have content, each of which becomes an image: NAME, NAME-disk2, ...
std::vector<std::string> image_names(const Ova& ova, const std::string& name) {
  std::vector<std::string> names;
  size_t filled = 0;
  for (const Ova::Disk& disk : ova.disks) {
    if (disk.extent.size == 0) {
      names.emplace_back();
      continue;
    }
    ++filled;
    names.push_back(filled == 1 ? name : name + "-disk" + std::to_string(filled));
  }
  return names;
}

Result<ImportSubject> find_in_ova(const ByteSource& file, const ImportWords& words) {
  BRIDLE_TRY(Ova ova, open_ova(file));
  std::vector<const Ova::Disk*> filled;
  for (const Ova::Disk& disk : ova.disks)
    if (disk.extent.size != 0) filled.push_back(&disk);
  if (filled.empty()) return Error(Code::refused, "OVF: the machine has no disk with content");
  if (words.disk >= filled.size())
    return Error(Code::invalid, "spec.source.disk: the OVA has " + std::to_string(filled.size()) +
                                    " disks, counted from 0");
  ImportSubject subject;
  subject.extent = filled[words.disk]->extent;
  const PartSource part(file, subject.extent);
  BRIDLE_TRY(subject.format,
             decide_format(part).context("disk \"" + filled[words.disk]->hardware.file + "\""));
  subject.result.disks = static_cast<uint32_t>(filled.size());
  subject.result.format = "ova/" + std::string(format_name(subject.format));
  if (words.disk == 0) {
    const MachineWords machine{words.name, words.project, words.owner, "",
                               image_names(ova, words.name)};
    BRIDLE_TRY(subject.result.machine, machine_yaml(ova.hardware, machine).context("OVF"));
  }
  subject.result.notes = std::move(ova.hardware.notes);
  return subject;
}

}  // namespace

Result<Ova> open_ova(const ByteSource& file) { return Opener(file).open(); }

Result<OvaSigner> read_signer(const ByteSource& file) {
  BRIDLE_TRY(const auto members, index_tar(file));
  const TarMember* manifest = with_ending(members, ".mf");
  const TarMember* certificate = with_ending(members, ".cert");
  if (manifest == nullptr || certificate == nullptr)
    return Error(Code::refused, "the OVA is not signed: it has no manifest and certificate");
  BRIDLE_TRY(const std::string text, text_of(file, *manifest));
  BRIDLE_TRY(const std::string words, text_of(file, *certificate));
  return check_signature(words, text, manifest->name);
}

Result<ImportSubject> find_disk(const ByteSource& file, const ImportWords& words) {
  const bool ova = words.format.empty() ? looks_like_tar(file) : words.format == "ova";
  if (ova) return find_in_ova(file, words);
  ImportSubject subject;
  subject.extent = {0, file.size()};
  if (words.format.empty()) {
    BRIDLE_TRY(subject.format, decide_format(file));
  } else {
    const auto said = format_from_name(words.format);
    if (!said) return Error(Code::invalid, "the format \"" + words.format + "\" is not known");
    subject.format = *said;
  }
  subject.result.format = format_name(subject.format);
  subject.result.disks = 1;
  return subject;
}

}  // namespace bridle::image
