// The smaller typed views: what they write is in the schema's normal form and reads back.
#include <gtest/gtest.h>

#include "model/event.h"
#include "model/host.h"
#include "model/image.h"
#include "model/operation.h"
#include "model/project.h"
#include "model/role.h"
#include "model/schema.h"
#include "model/secret.h"

namespace bridle::model {
namespace {

void expect_normal(Kind kind, const json::object& spec) {
  const auto normal = normal_spec(kind, spec);
  ASSERT_TRUE(normal.ok()) << normal.error().message();
  EXPECT_EQ(json::serialize(*normal), json::serialize(spec));
}

const std::string digest(64, 'a');

TEST(Views, Image) {
  expect_normal(Kind::image, to_json(ImageSpec{"tiny"}));
  ImageStatus status;
  status.phase = "ready";
  status.kernel = {digest, 7 << 20};
  status.disk = {digest, 12345};
  status.disk_format = "qcow2";
  status.disk_virtual_size = 2ull << 30;
  status.kernel_arguments = "console=ttyS0";
  status.built = WallTime{1'700'000'000'000'000'000};
  const auto again = image_status(to_json(status));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(to_json(*again), to_json(status));
  EXPECT_EQ(again->disk.size, 12345u);
  EXPECT_TRUE(again->initrd.digest.empty());
}

TEST(Views, Volume) {
  expect_normal(Kind::volume, to_json(VolumeSpec{4ull << 30, "raw", "debian"}));
  EXPECT_FALSE(normal_spec(Kind::volume, {{"format", "raw"}}).ok());
  const VolumeStatus status{"ready", "", "x.qcow2", digest, "qcow2", 1 << 30};
  const auto again = volume_status(to_json(status));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(to_json(*again), to_json(status));
}

TEST(Views, Role) {
  RoleSpec spec{RoleName::operator_,
                {{1000, {}, {}, {}}, {{}, 27, {}, {}}, {{}, {}, "ci", "ann"}},
                {"lab", "*"},
                true};
  EXPECT_FALSE(normal_spec(Kind::role, to_json(spec)).ok());  // two in one
  spec.subjects.pop_back();
  spec.subjects.push_back({{}, {}, "ci", {}});
  spec.subjects.push_back({{}, {}, {}, "ann"});
  expect_normal(Kind::role, to_json(spec));
  const auto again = role_spec(to_json(spec));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->subjects[0].uid, 1000u);
  EXPECT_FALSE(again->subjects[0].gid);
  EXPECT_EQ(again->subjects[1].gid, 27u);
  EXPECT_EQ(again->subjects[2].token, "ci");
  EXPECT_EQ(again->subjects[3].certificate, "ann");
  EXPECT_TRUE(again->raw_allowed);
}

TEST(Views, Binding) {
  const BindingSpec spec{RoleName::tenant, {{1000, {}, {}, {}}}, false};
  expect_normal(Kind::binding, to_json(spec));
  const auto again = binding_spec(to_json(spec));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->role, RoleName::tenant);
  EXPECT_EQ(again->subjects[0].uid, 1000u);
  EXPECT_FALSE(normal_spec(Kind::binding, {{"role", "tenant"}, {"subjects", json::array()}}).ok());
}

TEST(Views, Project) {
  ProjectSpec spec;
  spec.quota.guests = 0;
  spec.quota.memory = 1ull << 30;
  spec.owners = {{1000, {}, {}, {}}, {{}, {}, "ci", {}}};
  expect_normal(Kind::project, to_json(spec));
  const auto again = project_spec(to_json(spec));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->quota.guests, 0u);
  EXPECT_EQ(again->quota.memory, 1ull << 30);
  EXPECT_FALSE(again->quota.disk);
  EXPECT_EQ(again->owners[1].token, "ci");
  EXPECT_EQ(json::serialize(*normal_spec(Kind::project, {})), R"({"quota":{},"owners":[]})");
  const ProjectStatus status{{2, 4, 1 << 20, 512, 1}};
  EXPECT_EQ(project_status(to_json(status))->usage, status.usage);
}

TEST(Views, RoleCoversItsProjects) {
  EXPECT_TRUE((RoleSpec{RoleName::admin, {}, {}, false}).covers("lab"));
  EXPECT_FALSE((RoleSpec{RoleName::operator_, {}, {}, false}).covers("lab"));
  EXPECT_TRUE((RoleSpec{RoleName::tenant, {}, {"lab"}, false}).covers("lab"));
  EXPECT_FALSE((RoleSpec{RoleName::admin, {}, {"lab"}, false}).covers("other"));
  EXPECT_TRUE((RoleSpec{RoleName::tenant, {}, {"*"}, false}).covers("other"));
}

TEST(Views, RoleRules) {
  const auto role = [](json::object spec) {
    const auto normal = normal_spec(Kind::role, spec);
    return normal.ok() ? std::string() : normal.error().message();
  };
  const json::array root{json::object{{"uid", 0}}};
  EXPECT_EQ(role({{"role", "admin"}, {"subjects", root}}), "");
  EXPECT_EQ(role({{"role", "tenant"}, {"subjects", root}}),
            "spec.projects: expected at least one project, or \"*\" for all");
  const json::array both{json::object{{"uid", 0}, {"gid", 0}}};
  EXPECT_EQ(role({{"role", "admin"}, {"subjects", both}}),
            "spec.subjects[0]: expected one of uid, gid, token and certificate");
}

TEST(Views, OperationAndEvent) {
  OperationSpec operation;
  operation.verb = "build";
  operation.target = {Kind::image, "shared", "tiny",
                      *Uuid::parse(std::string(8, '1') + "-1111-4111-8111-111111111111")};
  operation.idempotency_key = "k";
  operation.requested_by = "uid:0";
  expect_normal(Kind::operation, to_json(operation));
  EXPECT_EQ(operation_spec(to_json(operation))->target.text(), "image/shared/tiny");

  OperationStatus status{OperationPhase::failed, 70, "building", "no space", WallTime{}, {}};
  EXPECT_EQ(to_json(*operation_status(to_json(status))), to_json(status));
  EXPECT_TRUE(is_over(status.phase));
  EXPECT_FALSE(is_over(OperationPhase::running));

  EventSpec event{WallTime{1'000'000},
                  Level::warning,
                  "Killed",
                  "it was killed",
                  {Kind::host, "", "alpha", {}},
                  ""};
  expect_normal(Kind::event, to_json(event));
  EXPECT_EQ(to_json(*event_spec(to_json(event))), to_json(event));
}

TEST(Views, Host) {
  expect_normal(Kind::host, to_json(HostSpec{HostGuests::drain, {500, 1 << 30}}));
  expect_normal(Kind::host, to_json(HostSpec{}));
  HostStatus status;
  status.capacity = {2000, 8ull << 30};
  status.engine = "tcg";
  status.cgroup_version = 1;
  status.cgroup_notes = {"no memory reservation"};
  EXPECT_EQ(to_json(*host_status(to_json(status))), to_json(status));
}

TEST(Views, SecretIsNeverShown) {
  Object secret;
  secret.kind = Kind::secret;
  secret.metadata.name = "login";
  secret.metadata.project = "lab";
  secret.spec = to_json(SecretSpec{{{"password", "hunter2"}, {"pin", "99"}}});
  expect_normal(Kind::secret, secret.spec);
  Object shown = secret;
  redact(shown);
  EXPECT_EQ(json::serialize(to_json(shown)).find("hunter2"), std::string::npos);
  EXPECT_EQ(shown.status.at("data"), (json::value{"password", "pin"}));
  // What was shown can be applied again without loss.
  auto again = from_json(to_json(shown));
  ASSERT_TRUE(again.ok()) << again.error().message();
  keep_write_only(*again, secret);
  EXPECT_EQ(again->spec, secret.spec);
}

}  // namespace
}  // namespace bridle::model
