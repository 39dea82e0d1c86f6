#include "fleet/references.h"

#include <boost/json.hpp>

namespace bridle::fleet {
namespace {

using model::Kind;

bool is_image(const Objects& objects, const model::Object& image, std::string_view project,
              std::string_view name) {
  const Row* found = find_image(objects, project, name);
  return found != nullptr && found->object.metadata.uid == image.metadata.uid;
}

bool machine_uses(const Objects& objects, const model::Object& machine,
                  const model::MachineSpec& spec, const model::Object& object) {
  const model::Metadata& meta = object.metadata;
  if (object.kind == Kind::image)
    return is_image(objects, object, machine.metadata.project, spec.image);
  if (machine.metadata.project != meta.project) return false;
  if (object.kind == Kind::volume)
    for (const model::Disk& disk : spec.disks)
      if (disk.volume == meta.name) return true;
  if (object.kind == Kind::secret && spec.seed)
    for (const model::SeedUser& user : spec.seed->users)
      if (user.password_secret.substr(0, user.password_secret.find('/')) == meta.name) return true;
  return false;
}

}  // namespace

namespace {

bool was_built(const Row& image) {
  const auto status = model::image_status(image.object.status);
  return status.ok() && !(status->kernel.digest.empty() && status->disk.digest.empty());
}

}  // namespace

const Row* find_image(const Objects& objects, std::string_view project, std::string_view name) {
  if (name.empty()) return nullptr;
  const Row* own = objects.find(Kind::image, project, name);
  if (own != nullptr && was_built(*own)) return own;
  // One that was never built hides no shared one.
  const Row* shared = objects.find(Kind::image, "shared", name);
  return shared != nullptr ? shared : own;
}

std::vector<std::string> users_of(const Objects& objects, const model::Object& object) {
  std::vector<std::string> users;
  if (object.kind != Kind::image && object.kind != Kind::volume && object.kind != Kind::secret)
    return users;
  objects.each(Kind::machine, [&](const Row& row) {
    Result<model::MachineSpec> spec = model::machine_spec(row.object.spec);
    if (spec.ok() && machine_uses(objects, row.object, *spec, object)) users.push_back(row.ref);
  });
  if (object.kind == Kind::image)
    objects.each(Kind::volume, [&](const Row& row) {
      Result<model::VolumeSpec> spec = model::volume_spec(row.object.spec);
      if (spec.ok() && is_image(objects, object, row.object.metadata.project, spec->image))
        users.push_back(row.ref);
    });
  return users;
}

Status check_delete(const Objects& objects, const model::Object& object) {
  const std::vector<std::string> users = users_of(objects, object);
  if (users.empty()) return {};
  // Who may delete a shared image does not see who uses it elsewhere.
  std::string list;
  size_t shown = 0, here = 0;
  for (const std::string& user : users) {
    const Row* row = objects.find(user);
    if (row == nullptr || row->object.metadata.project != object.metadata.project) continue;
    if (++here > 3) continue;
    list += (shown++ == 0 ? "" : ", ") + user;
  }
  if (here > shown) list += " and " + std::to_string(here - shown) + " more";
  if (const size_t elsewhere = users.size() - here; elsewhere != 0)
    list += (list.empty() ? "" : " and ") + std::to_string(elsewhere) + " of other projects";
  return Error(Code::conflict,
               model::ref(object) + " is used by " + list + "; delete or change them first");
}

}  // namespace bridle::fleet
