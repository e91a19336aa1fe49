// SPDX-License-Identifier: Apache-2.0
#include "model/wire.h"

#include <gtest/gtest.h>

#include <string>

#include "base/bytes.h"

namespace sluice {
namespace {

std::string Bytes(std::string_view hex) { return FromHex(hex).value(); }

// The fault of reading one varint from `hex`, or "".
std::string VarintFault(std::string_view hex, uint64_t max = UINT64_MAX) {
  const std::string bytes = Bytes(hex);
  WireReader reader(bytes);
  reader.ReadVarint(max);
  return reader.ToStatus().message();
}

TEST(Wire, VarintsComeBackAtEveryWidth) {
  for (unsigned bits = 0; bits <= 64; ++bits) {
    for (int around = -1; around <= 1; ++around) {
      const uint64_t value = (bits == 64 ? 0 : uint64_t{1} << bits) + static_cast<uint64_t>(around);
      std::string bytes;
      AppendVarint(&bytes, value);
      EXPECT_EQ(bytes.size(), VarintSize(value)) << value;
      WireReader reader(bytes);
      EXPECT_EQ(reader.ReadVarint(), value);
      EXPECT_TRUE(reader.ok() && reader.at_end()) << value;
    }
  }
}

TEST(Wire, VarintsThatNoEncoderWritesAreRefused) {
  EXPECT_EQ(VarintFault("8000"), "byte 1: number not in its shortest form");
  EXPECT_EQ(VarintFault("808000"), "byte 2: number not in its shortest form");
  EXPECT_EQ(VarintFault("ffff"), "byte 2: cut off inside a number");
  EXPECT_EQ(VarintFault(""), "byte 0: cut off inside a number");
  EXPECT_EQ(VarintFault("ffffffffffffffffff01"), "");
  EXPECT_EQ(VarintFault("ffffffffffffffffff02"), "byte 9: number larger than 64 bits");
  EXPECT_EQ(VarintFault("ffffffffffffffffff81"), "byte 9: number larger than 64 bits");
  EXPECT_EQ(VarintFault("ffffffff0f", UINT32_MAX), "");
  EXPECT_EQ(VarintFault("8080808010", UINT32_MAX), "byte 4: number too large");
}

TEST(Wire, LengthsMustBeBelowTwoGibibytesAndInside) {
  const std::string too_long = Bytes("8080808008");
  WireReader reader(too_long);
  EXPECT_EQ(reader.ReadLengthDelimited(), "");
  EXPECT_EQ(reader.ToStatus().message(), "byte 4: number too large");
  const std::string beyond = Bytes("0061");
  WireReader second(beyond);
  EXPECT_EQ(second.ReadLengthDelimited(), "");
  EXPECT_TRUE(second.ok());
  EXPECT_EQ(second.ReadLengthDelimited(), "");
  EXPECT_EQ(second.ToStatus().message(), "byte 1: length reaches beyond the end");
}

TEST(Wire, Fixed64IsLittleEndian) {
  std::string bytes;
  AppendFixed64(&bytes, 0x0102030405060708);
  EXPECT_EQ(bytes, Bytes("0807060504030201"));
  WireReader reader(bytes);
  EXPECT_EQ(reader.ReadFixed64(), 0x0102030405060708u);
}

TEST(Wire, OnlyTheFirstFaultCounts) {
  WireReader reader("");
  reader.ReadVarint();
  reader.Fail(7, "later");
  reader.ExpectEnd();
  EXPECT_EQ(reader.ToStatus(), Status(StatusCode::kCorruption, "byte 0: cut off inside a number"));
}

}  // namespace
}  // namespace sluice
