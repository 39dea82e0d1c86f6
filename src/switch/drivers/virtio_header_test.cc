#include "switch/drivers/virtio_header.h"

#include <gtest/gtest.h>

#include <vector>

namespace bridle::net {
namespace {

std::vector<uint8_t> header(const Offload& offload) {
  std::vector<uint8_t> bytes(virtio_header_size, 0xee);
  offload_to(offload, bytes);
  return bytes;
}

TEST(VirtioHeader, NothingIsAllZero) {
  EXPECT_EQ(header({}), std::vector<uint8_t>(virtio_header_size, 0));
}

TEST(VirtioHeader, WhatIsWrittenIsRead) {
  Offload offload;
  offload.needs_checksum = true;
  offload.segmentation = Offload::tcp6;
  offload.congestion = true;
  offload.segment_size = 1440;
  offload.header_size = 74;
  offload.checksum_start = 54;
  offload.checksum_offset = 16;
  const auto read = offload_from(header(offload), 30'000);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->needs_checksum && read->congestion);
  EXPECT_EQ(read->segmentation, Offload::tcp6);
  EXPECT_EQ(read->segment_size, 1440);
  EXPECT_EQ(read->header_size, 74);
  EXPECT_EQ(read->checksum_start, 54);
  EXPECT_EQ(read->checksum_offset, 16);
}

TEST(VirtioHeader, ASumBehindTheFrameIsRefused) {
  Offload offload;
  offload.needs_checksum = true;
  offload.checksum_start = 34;
  offload.checksum_offset = 16;
  EXPECT_TRUE(offload_from(header(offload), 52));
  EXPECT_FALSE(offload_from(header(offload), 51));
  offload.checksum_start = 13;  // inside Ethernet
  EXPECT_FALSE(offload_from(header(offload), 1000));
}

TEST(VirtioHeader, SegmentsOfNothingAndUnknownKindsAreRefused) {
  std::vector<uint8_t> bytes(virtio_header_size, 0);
  bytes[1] = Offload::tcp4;
  EXPECT_FALSE(offload_from(bytes, 1000));  // segment size 0
  bytes[4] = 100;
  EXPECT_TRUE(offload_from(bytes, 1000));
  bytes[1] = 2;
  EXPECT_FALSE(offload_from(bytes, 1000));
}

TEST(VirtioHeader, AHeaderSizeIsBoundedByTheFrame) {
  std::vector<uint8_t> bytes(virtio_header_size, 0);
  bytes[1] = Offload::tcp4;
  bytes[2] = bytes[3] = 0xff;
  bytes[4] = 100;
  const auto read = offload_from(bytes, 500);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->header_size, 500);
}

}  // namespace
}  // namespace bridle::net
