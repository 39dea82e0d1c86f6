#include "daemon/preparer.h"

#include <algorithm>

#include "base/hash.h"
#include "base/log.h"
#include "daemon/firmware.h"
#include "daemon/tpm_key.h"
#include "image/seed_iso.h"
#include "image/take_in.h"

namespace bridle::daemon {
namespace {

// A salt that is the same at every start, so that a seed is, and that says nothing of the password:
// it is derived from the names only.
class SaltOf final : public Random {
 public:
  SaltOf(const Uuid& machine, const std::string& secret) : seed_(machine.text() + "/" + secret) {}
  void fill(std::span<uint8_t> out) override {
    for (size_t i = 0; i < out.size(); ++i) {
      const size_t at = i % sizeof(Sha256);
      if (at == 0) block_ = sha256(seed_ + "/" + std::to_string(count_++));
      out[i] = block_[at];
    }
  }

 private:
  std::string seed_;
  uint64_t count_ = 0;
  Sha256 block_{};
};

}  // namespace

Preparer::Preparer(const Layout& layout, const Uuid& boot_id, Worker& worker, Runner& runner,
                   Guests& guests)
    : layout_(layout),
      worker_(worker),
      runner_(runner),
      guests_(guests),
      parts_(layout.parts(), layout.state() + "/parts.checked", boot_id) {
  runner_.handle<fleet::Prepare>([this](auto& a) { prepare(a); });
  runner_.handle<fleet::DropPrepared>([this](auto& a) { drop(a); });
}

void Preparer::prepare(fleet::Prepare& action) {
  const Uuid uuid = action.launch.id.uuid;
  const uint64_t boot = action.launch.boot;
  under_way_[uuid] = boot;
  worker_.run([this, launch = std::move(action.launch)] { return make_ready(launch); },
              [this, token = action.token, uuid, boot](Result<Prepared> prepared) {
                fleet::Prepared answer{token, {}};
                const auto wanted = under_way_.find(uuid);
                if (wanted == under_way_.end() || wanted->second != boot) return;  // dropped
                under_way_.erase(wanted);
                if (prepared.ok()) {
                  guests_.keep(uuid, boot, *std::move(prepared));
                } else {
                  answer.result = std::move(prepared).error();
                }
                runner_.tell(std::move(answer));
              });
}

void Preparer::drop(const fleet::DropPrepared& action) {
  under_way_.erase(action.uuid);
  guests_.forget_prepared(action.uuid, action.boot);
  if (!action.forever) return;
  guests_.forget(action.uuid);
  const auto remove = [this, uuid = action.uuid]() -> Status {
    BRIDLE_CHECK(image::delete_seed_iso(layout_, uuid));
    return delete_variables(layout_, uuid);
  };
  worker_.run(remove, [uuid = action.uuid](const Status& deleted) {
    if (!deleted.ok())
      log::warning("a seed or firmware variables were left behind",
                   {{"machine", uuid.text()}, {"why", deleted.error().message()}});
  });
}

Result<Prepared> Preparer::make_ready(const fleet::Launch& launch) {
  Prepared prepared;
  if (launch.spec.boot == model::Boot::kernel) {
    BRIDLE_CHECK(open_part(launch.image.kernel.digest, launch, prepared));
    BRIDLE_CHECK(open_part(launch.image.initrd.digest, launch, prepared));
  }
  for (const auto& disk : launch.disks)
    BRIDLE_CHECK(open_part(disk.volume.backing, launch, prepared));
  BRIDLE_CHECK(write_seed(launch));
  BRIDLE_CHECK(make_variables(layout_, launch.id.uuid, launch.spec.firmware));
  SystemRandom random;
  if (launch.spec.tpm) BRIDLE_CHECK(make_tpm_secret(layout_, random));
  return prepared;
}

Status Preparer::open_part(const std::string& digest, const fleet::Launch& launch, Prepared& out) {
  const std::string path = image::part_path(layout_, digest);
  if (digest.empty() || out.files.contains(path)) return {};
  BRIDLE_TRY(blob::OpenPart part, parts_.open(digest, launch.spec.image));
  out.files.emplace(path, std::move(part.fd));
  return {};
}

Status Preparer::write_seed(const fleet::Launch& launch) {
  const model::MachineSpec& spec = launch.spec;
  if (!spec.seed && spec.raw.user_data.empty()) return {};
  const auto hash = [&](const std::string& ref) -> Result<std::string> {
    const auto found = std::find_if(launch.secrets.begin(), launch.secrets.end(),
                                    [&](const auto& secret) { return secret.ref == ref; });
    if (found == launch.secrets.end())
      return Error(Code::not_found, "secret \"" + ref + "\" does not exist");
    SaltOf salt(launch.id.uuid, ref);
    return image::hash_password(found->value, salt);
  };
  BRIDLE_TRY(const image::SeedTexts texts,
             image::seed_texts(spec.seed.value_or(model::Seed{}), launch.name, launch.id,
                               spec.raw.user_data, hash));
  BRIDLE_TRY(const std::string path, image::write_seed_iso(layout_, launch.id.uuid, texts));
  return {};
}

}  // namespace bridle::daemon
