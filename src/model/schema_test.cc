#include "model/schema.h"

#include <gtest/gtest.h>

#include "model/yaml.h"

namespace bridle::model {
namespace {

std::string machine(const std::string& spec) {
  return "apiVersion: bridle/v1\nkind: Machine\nmetadata: {name: web, project: lab, owner: ann}\n"
         "spec:\n  image: tiny\n" +
         spec;
}

std::string problems(const std::string& yaml) {
  const auto documents = parse_documents(yaml, "f");
  if (!documents.ok()) return documents.error().message();
  const Decoded decoded = decode(documents->front().value);
  return report(decoded.violations, documents->front().source);
}

struct Case {
  std::string spec;
  std::string expected;  // of the report, without "f:"
};

TEST(Schema, ViolationsSayWhereWhatWasExpectedAndWhatWasFound) {
  const Case cases[] = {
      {"  memry: 1GiB\n", "6:3: spec.memry: unknown key, did you mean \"memory\"?\n"},
      {"  cpus: 0\n", "6:3: spec.cpus: expected a whole number, 1 to 128, found number 0\n"},
      {"  cpus: -1\n", "6:3: spec.cpus: expected a whole number, 1 to 128, found number -1\n"},
      {"  cpus: 99999999999999999999\n", "6:9: YAML: a number over 64 bits"},
      {"  cpus: 1.5\n", "6:3: spec.cpus: expected a whole number, 1 to 128, found number 1.5E0\n"},
      {"  cpus: two\n", "6:3: spec.cpus: expected a whole number, 1 to 128, found text \"two\"\n"},
      {"  memory: 1MiB\n", "6:3: spec.memory: expected 16MiB to 4TiB, found text \"1MiB\"\n"},
      {"  memory: 16777217\n",
       "6:3: spec.memory: expected a multiple of 4KiB, found number 16777217\n"},
      {"  memory: lots\n",
       "6:3: spec.memory: expected a size such as 128MiB or 2GiB, at most 4194304TiB, found text "
       "\"lots\"\n"},
      {"  stopTimeout: 30\n",
       "6:3: spec.stopTimeout: expected a duration with a unit, such as 500ms, 30s or 5m, found "
       "number 30\n"},
      {"  restart: onfailure\n",
       "6:3: spec.restart: expected one of never, on-failure, always, found text \"onfailure\"; "
       "did you mean on-failure?\n"},
      {"  zone: Blue\n",
       "6:3: spec.zone: expected 1 to 63 lower-case letters, digits and dashes, beginning and "
       "ending with a letter or digit, found text \"Blue\"\n"},
      {"  zone: 12\n", "6:3: spec.zone: expected text (put it in quotes), found number 12\n"},
      {"  disks: {}\n", "6:3: spec.disks: expected a list, found an object\n"},
      {"  disks:\n    - name: a\n      volume: v\n    - name: b\n",
       "9:7: spec.disks[1].volume: required, and missing, for example web-root\n"},
      {"  disks:\n    - {name: a, volume: v}\n    - {name: a, volume: w}\n",
       "8:8: spec.disks[1].name: \"a\" is there twice; expected a different one for each\n"},
      {"  interfaces: [{name: n, mac: '53:54:00:12:34:56'}]\n",
       "6:26: spec.interfaces[0].mac: expected a unicast MAC address such as 52:54:00:12:34:56, "
       "found text \"53:54:00:12:34:56\"\n"},
      {"  boot: disk\n", "4:1: spec.disks: expected at least one disk to boot from\n"},
      {"  firmware: uefi-secure\n",
       "4:1: spec.boot: expected disk with spec.firmware uefi-secure\n"},
      {"  boot: disk\n  firmware: uefi\n  disks: [{name: a, volume: v, model: scsi}]\n",
       "8:32: spec.disks[0].model: expected virtio or sata for the disk that UEFI boots: OVMF has "
       "no driver for the SAS controller behind scsi (BIOS has; other disks may be scsi)\n"},
      {"  memory: 64MiB\n  memoryTarget: 65MiB\n",
       "7:3: spec.memoryTarget: expected at most spec.memory\n"},
      {"  resources: {cpu: {reservation: 2, limit: 500m}}\n",
       "6:37: spec.resources.cpu.limit: expected at least the reservation (or 0: no limit)\n"},
      {"  kernelArguments: \"a\\nb\"\n",
       "6:3: spec.kernelArguments: expected one line of text without control characters, found "
       "text \"a?b\"\n"},
  };
  for (const Case& one : cases)
    EXPECT_EQ(problems(machine(one.spec)), "f:" + one.expected) << one.spec;
}

TEST(Schema, MissingKeysAreReportedAtTheNearestPlace) {
  EXPECT_EQ(problems("apiVersion: bridle/v1\nkind: Machine\nmetadata: {name: a}\nspec: {}\n"),
            "f:3:1: metadata.project: required, and missing, for example lab\n"
            "f:3:1: metadata.owner: required, and missing, for example ann@example.org\n"
            "f:4:1: spec.image: is required unless spec.boot is disk\n");
}

TEST(Schema, TopOfTheDocument) {
  EXPECT_EQ(problems("kind: Machin\nspecs: {}\n"),
            "f:2:1: specs: unknown key, did you mean \"spec\"?\n"
            "f:1:1: apiVersion: expected bridle/v1, found nothing\n"
            "f:1:1: kind: expected one of Host, Image, Volume, Machine, Secret, Role, Operation, "
            "Event, Project, Binding, found text \"Machin\"; did you mean Machine?\n");
  EXPECT_EQ(problems("- a\n"),
            "f:1:1: expected an object with apiVersion, kind, metadata and spec, found a list\n");
}

TEST(Schema, ViolationsAreBounded) {
  std::string spec;
  for (int i = 0; i < 50; ++i) spec += "  zz" + std::to_string(i) + ": 1\n";
  const auto documents = parse_documents(machine(spec), "f");
  ASSERT_TRUE(documents.ok());
  const Decoded decoded = decode(documents->front().value);
  EXPECT_EQ(decoded.violations.list().size(), Violations::bound);
  EXPECT_EQ(decoded.violations.omitted(), 30u);
  const auto object = from_json(documents->front().value);
  ASSERT_FALSE(object.ok());
  EXPECT_TRUE(object.error().message().starts_with("50 violations of the schema:\n  spec.zz0: "));
  EXPECT_TRUE(object.error().message().ends_with("and 30 more"));
  // Beyond the bound violations are counted, and nothing is made of them.
  json::object flood = documents->front().value.get_object();
  for (int i = 0; i < 1000; ++i) {
    flood["yy" + std::to_string(i)] = 1;
    flood["spec"].get_object()["zz" + std::to_string(i)] = 1;
  }
  const Decoded flooded = decode(flood);
  EXPECT_EQ(flooded.violations.list().size(), Violations::bound);
  EXPECT_EQ(flooded.violations.count(), 2000u);
}

TEST(Schema, SecretsAreNotPartOfMessages) {
  const std::string head =
      "apiVersion: bridle/v1\nkind: Secret\nmetadata: {name: s, project: lab}\nspec:\n";
  for (const std::string& spec :
       {std::string("  data: hunter2\n"), std::string("  data: {a: 424242}\n"),
        std::string("  data: {a: \"hunter2\\x01\"}\n"), std::string("  data: [hunter2]\n"),
        std::string("  password: hunter2\n")}) {
    const std::string text = problems(head + spec);
    EXPECT_FALSE(text.empty()) << spec;
    EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
    EXPECT_EQ(text.find("424242"), std::string::npos) << text;
  }
}

TEST(Schema, EveryExampleIsValidAndNormalFormIsAFixedPoint) {
  for (const KindInfo& kind : all_kinds()) {
    const auto documents = parse_documents(schema(kind.kind).example, "example");
    ASSERT_TRUE(documents.ok()) << documents.error().message();
    const auto object = from_json(documents->front().value);
    ASSERT_TRUE(object.ok()) << kind.name << ": " << object.error().message();
    EXPECT_EQ(object->kind, kind.kind);
    const auto again = from_json(to_json(*object));
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(json::serialize(to_json(*again)), json::serialize(to_json(*object)));
  }
}

TEST(Schema, QuantitiesComeInSeveralSpellingsAndLeaveInOne) {
  const auto spec = [](const char* memory, const char* cpu) {
    const auto normal =
        normal_spec(Kind::machine, {{"image", "tiny"},
                                    {"memory", json::parse(memory)},
                                    {"resources", {{"cpu", {{"limit", json::parse(cpu)}}}}}});
    return normal.ok() ? json::serialize(normal->at("memory")) + " " +
                             json::serialize(normal->at("resources").at("cpu").at("limit"))
                       : normal.error().message();
  };
  EXPECT_EQ(spec("134217728", "2"), R"("128MiB" "2")");
  EXPECT_EQ(spec("\"0.5GiB\"", "0.25"), R"("512MiB" "250m")");
  EXPECT_EQ(spec("\"131072KiB\"", "\"1.5\""), R"("128MiB" "1500m")");
}

TEST(Schema, StatusOfANewerBridleIsKept) {
  const auto documents =
      parse_documents(machine("status: {phase: running, novelty: {a: 1}}\n"), "f");
  ASSERT_TRUE(documents.ok());
  const auto object = from_json(documents->front().value);
  ASSERT_TRUE(object.ok()) << object.error().message();
  EXPECT_EQ(object->status.at("novelty").at("a"), json::value(1));
}

TEST(Schema, ImmutableFields) {
  Object before, after;
  before.kind = after.kind = Kind::volume;
  before.spec = *normal_spec(Kind::volume, {{"size", "1GiB"}});
  after.spec = *normal_spec(Kind::volume, {{"size", "512MiB"}, {"image", "tiny"}});
  const Violations violations = immutable_changes(before, after);
  ASSERT_EQ(violations.list().size(), 2u);
  EXPECT_EQ(violations.list()[0].path, "spec.size");
  EXPECT_EQ(violations.list()[1].path, "spec.image");
  EXPECT_TRUE(immutable_changes(before, before).empty());
  after.spec = *normal_spec(Kind::volume, {{"size", "2GiB"}});
  EXPECT_TRUE(immutable_changes(before, after).empty());  // it grew
}

TEST(Schema, WhatIsLeftOutIsTheDefault) {
  Object before, after;
  before.kind = after.kind = Kind::machine;
  before.spec = {{"image", "tiny"}};  // written before there was a firmware to choose
  after.spec = *normal_spec(Kind::machine, {{"image", "tiny"}});
  EXPECT_EQ(after.spec.at("firmware"), json::value("bios"));
  EXPECT_TRUE(immutable_changes(before, after).empty());
  after.spec["firmware"] = "uefi";
  EXPECT_EQ(immutable_changes(before, after).list().at(0).path, "spec.firmware");
}

TEST(Schema, SetDefaultFillsOnlyWhatIsMissing) {
  json::value document = json::parse(R"({"kind":"Machine"})");
  set_default(document, "project", "lab");
  set_default(document, "project", "other");
  EXPECT_EQ(document.at("metadata").at("project"), json::value("lab"));
  json::value list = json::array();
  set_default(list, "project", "lab");
  EXPECT_TRUE(list.is_array());
}

TEST(Schema, ExplainNamesFieldsBoundsAndExamples) {
  const auto whole = explain(Kind::machine, "");
  ASSERT_TRUE(whole.ok());
  EXPECT_NE(whole->find("EXAMPLE:\napiVersion: bridle/v1"), std::string::npos);
  const auto memory = explain(Kind::machine, "spec.memory");
  ASSERT_TRUE(memory.ok());
  EXPECT_NE(memory->find("FIELD:    spec.memory  <size>"), std::string::npos) << *memory;
  EXPECT_NE(memory->find("bounds: 16MiB to 4TiB"), std::string::npos) << *memory;
  EXPECT_NE(memory->find("default: \"128MiB\""), std::string::npos) << *memory;
  EXPECT_NE(explain(Kind::machine, "spec.disks[0].volume")->find("required"), std::string::npos);
  const auto missing = explain(Kind::machine, "spec.disks.volum");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), Code::not_found);
  EXPECT_EQ(missing.error().message(),
            "Machine.spec.disks has no field \"volum\", did you mean \"volume\"?");
}

TEST(Schema, EveryFieldIsExplained) {
  for (const KindInfo& kind : all_kinds())
    for (const std::string& path : explain_paths(kind.kind)) {
      const auto text = explain(kind.kind, path);
      ASSERT_TRUE(text.ok()) << text.error().message();
      EXPECT_EQ(text->find("DESCRIPTION:\n\n"), std::string::npos) << kind.name << "." << path;
    }
}

TEST(Schema, OpenApiHasEveryKindAndItsLinksLead) {
  const json::object schemas = openapi_schemas();
  for (const KindInfo& kind : all_kinds())
    for (const char* part : {"", "Metadata", "Spec", "Status"})
      EXPECT_TRUE(schemas.contains(std::string(kind.name) + part)) << kind.name << part;
  const std::string text = json::serialize(schemas);
  const std::string link = "\"$ref\":\"#/components/schemas/";
  size_t links = 0;
  for (size_t at = text.find(link); at != std::string::npos; at = text.find(link, at + 1)) {
    const size_t begin = at + link.size();
    EXPECT_TRUE(schemas.contains(text.substr(begin, text.find('"', begin) - begin)));
    ++links;
  }
  EXPECT_EQ(links, 3 * all_kinds().size());
  const auto& memory = schemas.at("MachineSpec").at("properties").at("memory");
  EXPECT_EQ(memory.at("default"), json::value("128MiB"));
  EXPECT_EQ(schemas.at("VolumeSpec").at("properties").at("size").at("x-grows"), json::value(true));
  EXPECT_EQ(schemas.at("SecretSpec").at("properties").at("data").at("writeOnly"),
            json::value(true));
}

}  // namespace
}  // namespace bridle::model
