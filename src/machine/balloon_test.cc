// What a guest says of its memory, and what it may say wrongly.
#include "machine/balloon.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace bridle::machine {
namespace {

GuestMemory memory_of(const char* text) { return guest_memory(boost::json::parse(text)); }

TEST(Balloon, StatisticsAreRead) {
  EXPECT_EQ(memory_of(R"({"last-update":7,"stats":{"stat-total-memory":1000,
                          "stat-free-memory":400,"stat-available-memory":600}})"),
            (GuestMemory{1000, 400, 600}));
  EXPECT_EQ(balloon_actual(boost::json::parse(R"({"actual":134217728})")), 134217728u);
}

TEST(Balloon, WhatIsMissingOrAbsurdIsNothing) {
  for (const char* text : {"null", "[]", "{}", R"({"stats":7})", R"({"stats":{}})",
                           R"({"stats":{"stat-total-memory":18446744073709551615,
                               "stat-free-memory":-1,"stat-available-memory":"x"}})"})
    EXPECT_EQ(memory_of(text), GuestMemory{}) << text;
  EXPECT_EQ(balloon_actual(boost::json::parse(R"({"actual":-5})")), 0u);
  EXPECT_EQ(balloon_actual(boost::json::parse("7")), 0u);
}

}  // namespace
}  // namespace bridle::machine
