#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "base/child.h"
#include "base/file.h"
#include "base/hash.h"
#include "image/build.h"
#include "image/build_plan.h"
#include "image/seed_iso.h"
#include "image/take_in.h"
#include "image/volume.h"

namespace bridle::image {
namespace {

class ImageTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/bt-image-XXXXXX";
    root_ = ::mkdtemp(name);
    for (const char* folder : {"/images/incoming", "/images/parts", "/volumes", "/cache"})
      ASSERT_TRUE(make_folders(root_ + folder, 0755).ok());
    id_.bytes[3] = 7;
  }
  void TearDown() override { EXPECT_TRUE(remove_tree(root_).ok()); }

  Layout layout() const { return *Layout::of(root_); }

  // What a build helper would leave.
  Manifest incoming(const std::string& kernel_bytes) {
    const std::string folder = incoming_folder(layout(), id_);
    EXPECT_TRUE(make_folder(folder, 0755).ok());
    EXPECT_TRUE(write_file_durably(folder + "/kernel", kernel_bytes).ok());
    EXPECT_TRUE(write_file_durably(folder + "/initrd", "initrd").ok());
    Manifest m;
    m.recipe = "tiny";
    m.inputs = std::string(64, '1');
    m.kernel_arguments = "console=ttyS0";
    m.kernel = {hex(sha256("kernel")), 6};
    m.initrd = {hex(sha256("initrd")), 6};
    EXPECT_TRUE(write_file_durably(folder + "/manifest.json", encode_manifest(m)).ok());
    return m;
  }

  std::string root_;
  Uuid id_;
  Progress quiet_ = [](int, const std::string&) {};
};

TEST_F(ImageTest, ManifestSurvivesItsText) {
  Manifest m = incoming("kernel");
  m.disk = {std::string(64, 'c'), 5};
  m.disk_format = "qcow2";
  m.disk_virtual_size = 1 << 20;
  EXPECT_FALSE(ready_status(*decode_manifest(encode_manifest(m)), {}).ignores_users);
  m.least_memory = 96 << 20;
  m.ignores_users = true;
  const auto again = decode_manifest(encode_manifest(m));
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(encode_manifest(*again), encode_manifest(m));
  EXPECT_EQ(ready_status(*again, {}).disk_virtual_size, 1u << 20);
  EXPECT_EQ(ready_status(*again, {}).least_memory, 96u << 20);
  EXPECT_TRUE(ready_status(*again, {}).ignores_users);
}

TEST_F(ImageTest, ManifestRefusesHostileText) {
  const std::string good = encode_manifest(incoming("kernel"));
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return decode_manifest(text);
  };
  EXPECT_TRUE(decode_manifest(good).ok());
  EXPECT_EQ(with("\"format\":1", "\"format\":2").error().message(),
            "manifest: format: written by another version of Bridle; build the image again");
  EXPECT_FALSE(with(std::string(64, '1'), "../../etc/shadow").ok());
  EXPECT_FALSE(with("\"size\":6", "\"size\":-6").ok());
  EXPECT_FALSE(with("\"size\":6", "\"size\":99999999999999999999").ok());
  EXPECT_FALSE(with("console=ttyS0", "console\\u0000").ok());
  EXPECT_FALSE(with("{\"format\"", "{\"least_memory\":-1,\"format\"").ok());
  EXPECT_FALSE(with("{\"format\"", "{\"ignores_users\":1,\"format\"").ok());
  EXPECT_FALSE(decode_manifest(std::string(longest_manifest + 1, ' ')).ok());
  EXPECT_FALSE(decode_manifest(std::string(1000, '[')).ok());
}

TEST_F(ImageTest, StoreTakesPartsInReadOnly) {
  incoming("kernel");
  const auto taken = take_in(layout(), id_, quiet_);
  ASSERT_TRUE(taken.ok()) << taken.error().message();
  const std::string part = layout().parts() + "/" + hex(sha256("kernel"));
  struct stat seen = {};
  ASSERT_EQ(::stat(part.c_str(), &seen), 0);
  EXPECT_EQ(seen.st_mode & 07777, 0444u);
  EXPECT_EQ(*read_file(part), "kernel");
  EXPECT_TRUE(decode_manifest(*read_file(kept_manifest(layout(), "tiny"))).ok());
  EXPECT_TRUE(take_in(layout(), id_, quiet_).ok());  // twice is as good as once
}

TEST_F(ImageTest, StoreRefusesPartsThatDifferFromTheManifest) {
  incoming("kerneX");
  EXPECT_EQ(take_in(layout(), id_, quiet_).error().code(), Code::corrupt);
  ASSERT_TRUE(
      write_file_durably(incoming_folder(layout(), id_) + "/kernel", "kernel and more").ok());
  EXPECT_EQ(take_in(layout(), id_, quiet_).error().code(), Code::corrupt);
  EXPECT_TRUE(list_folder(layout().parts())->empty());
  EXPECT_EQ(::access(kept_manifest(layout(), "tiny").c_str(), F_OK), -1);
}

TEST_F(ImageTest, StoreFollowsNoLinks) {
  incoming("kernel");
  const std::string kernel = incoming_folder(layout(), id_) + "/kernel";
  ASSERT_TRUE(remove_file(kernel).ok());
  ASSERT_EQ(::symlink("initrd", kernel.c_str()), 0);
  EXPECT_FALSE(take_in(layout(), id_, quiet_).ok());
}

TEST_F(ImageTest, StoreRepairsAPartThatWasChanged) {
  incoming("kernel");
  ASSERT_TRUE(take_in(layout(), id_, quiet_).ok());
  const std::string digest = hex(sha256("kernel")), part = layout().parts() + "/" + digest;
  ASSERT_TRUE(write_file_durably(part, "kErnel").ok());
  EXPECT_EQ(check_part(layout(), digest).error().code(), Code::corrupt);
  ASSERT_TRUE(take_in(layout(), id_, quiet_).ok());
  EXPECT_TRUE(check_part(layout(), digest).ok());
}

TEST_F(ImageTest, CollectKeepsWhatIsYoung) {
  incoming("kernel");
  ASSERT_TRUE(take_in(layout(), id_, quiet_).ok());
  const std::string digest = hex(sha256("kernel"));
  EXPECT_TRUE(collect(layout(), {digest}, std::chrono::hours(1))->empty());
  EXPECT_EQ(collect(layout(), {digest}, Duration(0))->size(), 1u);
  EXPECT_FALSE(collect(layout(), {"../../x"}, Duration(0)).ok());
  EXPECT_EQ(list_folder(layout().parts())->size(), 1u);
}

TEST_F(ImageTest, CollectRemovesWhatKilledHelpersLeft) {
  incoming("kernel");
  ASSERT_TRUE(take_in(layout(), id_, quiet_).ok());
  const size_t parts = list_folder(layout().parts())->size();
  const std::vector<std::string> drafts{"import-64768-77.incomplete",
                                        std::string(64, 'a') + ".incomplete"};
  for (const std::string& draft : drafts)
    ASSERT_TRUE(write_file_durably(layout().parts() + "/" + draft, "half").ok());
  EXPECT_TRUE(collect(layout(), {}, std::chrono::hours(1))->empty());
  auto removed = *collect(layout(), {}, Duration(0));
  EXPECT_EQ(std::set<std::string>(removed.begin(), removed.end()),
            std::set<std::string>(drafts.begin(), drafts.end()));
  EXPECT_EQ(list_folder(layout().parts())->size(), parts);
}

TEST_F(ImageTest, VolumeRequestsAreChecked) {
  EXPECT_FALSE(check_volume({.format = "vmdk", .size = 5}).ok());
  EXPECT_FALSE(check_volume({}).ok());
  const std::string digest(64, 'a');
  EXPECT_TRUE(check_volume({.backing = digest, .backing_format = "qcow2", .backing_size = 9}).ok());
  EXPECT_FALSE(
      check_volume({.format = "raw", .backing = digest, .backing_format = "raw", .backing_size = 9})
          .ok());
  EXPECT_EQ(
      check_volume(
          {.size = 1 << 20, .backing = digest, .backing_format = "raw", .backing_size = 2 << 20})
          .error()
          .message(),
      "spec.size: smaller than the image's disk of 2MiB");
}

TEST_F(ImageTest, VolumesAreMadeOnce) {
  const auto raw = create_volume(layout(), id_, {.format = "raw", .size = 1000});
  ASSERT_TRUE(raw.ok()) << raw.error().message();
  EXPECT_EQ(raw->size, 1024u);
  ASSERT_TRUE(write_file_durably(raw->path, "data").ok());
  EXPECT_TRUE(create_volume(layout(), id_, {.format = "raw", .size = 1000}).ok());
  EXPECT_EQ(*read_file(raw->path), "data");
  EXPECT_TRUE(delete_volume(layout(), id_).ok());
  EXPECT_TRUE(list_folder(layout().volumes())->empty());
}

TEST_F(ImageTest, AVolumeGrowsAndNeverShrinks) {
  for (const std::string format : {"raw", "qcow2"}) {
    const uint64_t mib = 1 << 20;
    ASSERT_TRUE(create_volume(layout(), id_, {.format = format, .size = mib}).ok());
    for (int again = 0; again < 2; ++again) {  // the second as after a crash
      const Status grown = grow_volume(layout(), id_, format, 3 * mib);
      ASSERT_TRUE(grown.ok()) << format << ": " << grown.error().message();
    }
    const Status shrunk = grow_volume(layout(), id_, format, 2 * mib);
    ASSERT_FALSE(shrunk.ok());
    EXPECT_EQ(shrunk.error().code(), Code::refused);
    ASSERT_TRUE(delete_volume(layout(), id_).ok());
    EXPECT_FALSE(grow_volume(layout(), id_, format, 4 * mib).ok());
  }
}

TEST_F(ImageTest, OverlaysNameTheirBackingAndItsFormat) {
  if (::access("/usr/bin/qemu-img", X_OK) != 0) GTEST_SKIP() << "no qemu-img";
  const std::string digest(64, 'a');
  const auto made = create_volume(
      layout(), id_, {.backing = digest, .backing_format = "qcow2", .backing_size = 4 << 20});
  ASSERT_TRUE(made.ok()) << made.error().message();
  const std::string bytes = *read_file(made->path);
  EXPECT_EQ(bytes.substr(0, 4), "QFI\xfb");
  EXPECT_NE(bytes.find(layout().parts() + "/" + digest), std::string::npos);
}

TEST_F(ImageTest, SeedIsoIsDeterministic) {
  if (::access("/usr/bin/xorriso", X_OK) != 0) GTEST_SKIP() << "no xorriso";
  const SeedTexts texts{"instance-id: x\n", "#cloud-config\n"};
  const auto path = write_seed_iso(layout(), id_, texts);
  ASSERT_TRUE(path.ok()) << path.error().message();
  const std::string first = *read_file(*path);
  EXPECT_EQ(first.substr(32808, 6), "cidata");
  ::usleep(1100000);
  ASSERT_TRUE(write_seed_iso(layout(), id_, texts).ok());
  EXPECT_TRUE(*read_file(*path) == first);
  EXPECT_EQ(list_folder(layout().volumes() + "/seeds")->size(), 1u);
  EXPECT_TRUE(delete_seed_iso(layout(), id_).ok());
}

TEST(Seed, IsTheSubsetThatBridlesImagesRead) {
  model::Seed seed;
  seed.users.push_back({"ann", {"ssh-ed25519 AAAA it's ann"}, "web-login/password"});
  seed.users.push_back({"bob", {}, ""});
  seed.run = {"touch /a", "echo 1\necho 'two'"};
  MachineId id;
  id.generation = 4;
  const auto texts = seed_texts(seed, "web", id, "", [](const std::string& secret) {
    EXPECT_EQ(secret, "web-login/password");
    return Result<std::string>("$6$x");
  });
  ASSERT_TRUE(texts.ok());
  EXPECT_EQ(texts->meta_data,
            "instance-id: iid-00000000-0000-0000-0000-000000000000-4\nlocal-hostname: web\n");
  EXPECT_EQ(texts->user_data,
            "#cloud-config\nhostname: web\nusers:\n"
            "  - name: ann\n    shell: /bin/bash\n    passwd: '$6$x'\n    lock_passwd: false\n"
            "    ssh_authorized_keys:\n      - 'ssh-ed25519 AAAA it''s ann'\n"
            "  - name: bob\n    shell: /bin/bash\n    lock_passwd: true\n"
            "runcmd:\n  - 'touch /a'\n  - \"echo 1\\necho 'two'\"\n");
}

TEST(Seed, RefusesWhatCouldBreakOutOfItsLine) {
  const PasswordHash none = [](const std::string&) { return Result<std::string>("x"); };
  model::Seed seed;
  seed.hostname = "a\nusers:";
  EXPECT_FALSE(seed_texts(seed, "web", {}, "", none).ok());
  seed.hostname = "";
  seed.users.push_back({"ann: x", {}, ""});
  EXPECT_FALSE(seed_texts(seed, "web", {}, "", none).ok());
  seed.users = {{"ann", {"key\nruncmd:"}, ""}};
  EXPECT_FALSE(seed_texts(seed, "web", {}, "", none).ok());
  seed.users = {};
  EXPECT_EQ(seed_texts(seed, "web", {}, "#!/bin/sh\n", none)->user_data, "#!/bin/sh\n");
  EXPECT_EQ(seed_texts(seed, "web", {}, std::string(70000, 'x'), none).error().code(),
            Code::invalid);
}

TEST(Seed, HashesPasswordsWithASalt) {
  SeededRandom random(1);
  const auto one = hash_password("secret", random), two = hash_password("secret", random);
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_TRUE(one->starts_with("$6$"));
  EXPECT_GT(one->size(), 100u);
  EXPECT_NE(*one, *two);
  EXPECT_FALSE(hash_password("", random).ok());
}

class BuildPlanTest : public testing::Test {
 protected:
  template <typename T>
  static T only(const BuildActions& actions) {
    EXPECT_EQ(actions.size(), 1u);
    EXPECT_TRUE(std::holds_alternative<T>(actions.at(0)));
    return std::get<T>(actions.at(0));
  }
  BuildPlan plan_{*Layout::of("/r"), "tiny", Uuid{}, true};
  const int failed_ = 1 << 8;
};

TEST_F(BuildPlanTest, GoesFromFetchToDone) {
  EXPECT_EQ(only<RunHelper>(plan_.start()).argv,
            (std::vector<std::string>{"fetch", "--root", "/r", "--recipe", "tiny"}));
  EXPECT_EQ(only<ShowProgress>(plan_.helper_line("progress 50 half")).percent, 20);
  const RunHelper build = only<RunHelper>(plan_.helper_exited(0));
  EXPECT_EQ(build.kind, jail::HelperKind::build);
  EXPECT_EQ(build.argv[0], "build");  // fresh: nothing is compared
  EXPECT_EQ(only<ShowProgress>(plan_.helper_line("progress 100 all")).percent, 95);
  EXPECT_EQ(only<RunHelper>(plan_.helper_exited(0)).kind, jail::HelperKind::store);
  EXPECT_EQ(only<ReadManifest>(plan_.helper_exited(0)).path, "/r/images/manifests/tiny.json");
  Manifest m;
  m.recipe = "tiny";
  m.inputs = m.kernel.digest = m.initrd.digest = std::string(64, 'a');
  EXPECT_EQ(only<RunHelper>(plan_.manifest_read(encode_manifest(m))).argv[0], "discard");
  const Finish finish = only<Finish>(plan_.helper_exited(failed_));  // leftovers harm nothing
  EXPECT_FALSE(finish.error);
  EXPECT_TRUE(finish.manifest);
  EXPECT_TRUE(plan_.done());
  EXPECT_TRUE(plan_.helper_exited(0).empty());
}

TEST_F(BuildPlanTest, BuildsOnlyWhatChanged) {
  Manifest m;
  m.recipe = "tiny";
  m.inputs = m.kernel.digest = m.initrd.digest = std::string(64, 'a');
  BuildPlan same{*Layout::of("/r"), "tiny", Uuid{}, false};
  same.start();
  const RunHelper current = only<RunHelper>(same.helper_exited(0));
  EXPECT_EQ(current.argv[0], "current");
  EXPECT_EQ(current.kind, jail::HelperKind::store);
  only<ReadManifest>(same.helper_exited(0));
  const Finish finish = only<Finish>(same.manifest_read(encode_manifest(m)));
  EXPECT_TRUE(finish.manifest && finish.manifest->reused);
  BuildPlan changed{*Layout::of("/r"), "tiny", Uuid{}, false};
  changed.start();
  changed.helper_exited(0);
  changed.helper_line("error gone it has changed");
  EXPECT_EQ(only<RunHelper>(changed.helper_exited(failed_)).argv[0], "build");
  EXPECT_EQ(only<RunHelper>(changed.helper_exited(0)).argv[0], "store");
}

TEST_F(BuildPlanTest, AFailedFetchEndsIt) {
  plan_.start();
  EXPECT_TRUE(plan_.helper_line("error unreachable no mirror").empty());
  const Finish finish = only<Finish>(plan_.helper_exited(failed_));
  ASSERT_TRUE(finish.error);
  EXPECT_EQ(finish.error->code(), Code::unreachable);
  EXPECT_EQ(finish.error->message(), "building tiny: no mirror");
}

TEST_F(BuildPlanTest, AFailedBuildLeavesNothing) {
  plan_.start();
  plan_.helper_exited(0);
  EXPECT_EQ(only<RunHelper>(plan_.helper_exited(9)).argv[0], "discard");
  const Finish finish = only<Finish>(plan_.helper_exited(0));
  ASSERT_TRUE(finish.error);
  EXPECT_EQ(finish.error->message().find(
                "building tiny: the image helper ended with signal 9 and no reason"),
            0u)
      << finish.error->message();
}

TEST_F(BuildPlanTest, AHelperThatWasNeverStartedNamesTheLog) {
  plan_.start();
  const Finish finish = only<Finish>(plan_.helper_exited(126 << 8));
  ASSERT_TRUE(finish.error);
  EXPECT_NE(finish.error->message().find("bridle-jail's log"), std::string::npos)
      << finish.error->message();
}

TEST_F(BuildPlanTest, ACancelledBuildIsNoFailureOfTheHelper) {
  plan_.start();
  plan_.helper_exited(0);
  plan_.cancel();
  only<RunHelper>(plan_.helper_exited(9));
  EXPECT_EQ(only<Finish>(plan_.helper_exited(0)).error->code(), Code::gone);
}

TEST_F(BuildPlanTest, ABrokenManifestIsAFailure) {
  plan_.start();
  for (int i = 0; i < 3; ++i) plan_.helper_exited(0);
  EXPECT_EQ(only<RunHelper>(plan_.manifest_read(std::string("{"))).argv[0], "discard");
  EXPECT_EQ(only<Finish>(plan_.helper_exited(0)).error->code(), Code::corrupt);
}

TEST(Child, IsBounded) {
  EXPECT_EQ(run_child({.argv = {"/bin/sh", "-c", "echo a; echo b >&2"}})->out, "a\n");
  EXPECT_EQ(run_child({.argv = {"/bin/sh", "-c", "echo why >&2; exit 3"}}).error().message(),
            "/bin/sh: ended with status 3: why");
  EXPECT_EQ(run_child({.argv = {"/bin/sleep", "60"}, .timeout = std::chrono::milliseconds(100)})
                .error()
                .code(),
            Code::exhausted);
  EXPECT_EQ(run_child({.argv = {"/bin/sh", "-c", "yes"}, .most_output = 1000}).error().code(),
            Code::exhausted);
  EXPECT_EQ(run_child({.argv = {"relative"}}).error().code(), Code::invalid);
  std::vector<std::string> lines;
  EXPECT_TRUE(run_child({.argv = {"/bin/sh", "-c", "printf 'a\\nb'"},
                         .on_line = [&](std::string_view l) { lines.emplace_back(l); }})
                  .ok());
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "b"}));
}

}  // namespace
}  // namespace bridle::image
