// SPDX-License-Identifier: Apache-2.0
#include "postgres/copy_encoder.h"

#include <gtest/gtest.h>

namespace sluice_postgres {
namespace {

using std::string_literals::operator""s;

TEST(CopyEncoder, RowIsByteForByteAsTheManualSays) {
  CopyEncoder rows;
  rows.BeginRow(5);
  rows.Int64(0x0102030405060708);
  rows.Int32(-2);
  rows.Int16(3);
  rows.Bytes("a\0b"s);
  rows.Null();
  EXPECT_EQ(rows.rows(),
            "\0\5"
            "\0\0\0\10\1\2\3\4\5\6\7\10"
            "\0\0\0\4\377\377\377\376"
            "\0\0\0\2\0\3"
            "\0\0\0\3a\0b"
            "\377\377\377\377"s);
  EXPECT_EQ(CopyEncoder::Header(), "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"s);
  EXPECT_EQ(CopyEncoder::End(), "\377\377"s);
}

TEST(CopyRow, ReadsWhatTheEncoderWrites) {
  CopyEncoder rows;
  rows.BeginRow(5);
  rows.Int64(-7);
  rows.Int32(8);
  rows.Bytes("key");
  rows.Bytes("");
  rows.Null();
  const std::string message = std::string(CopyEncoder::Header()) + rows.rows();
  CopyRow row;
  ASSERT_TRUE(row.Parse(message, 5));
  EXPECT_FALSE(row.at_end());
  EXPECT_EQ(row.TakeInt64(), -7);
  EXPECT_EQ(row.TakeInt32(), 8);
  EXPECT_EQ(row.TakeBytes(), "key");
  bool is_null = true;
  EXPECT_EQ(row.TakeBytes(&is_null), "");
  EXPECT_FALSE(is_null);
  row.TakeBytes(&is_null);
  EXPECT_TRUE(is_null);
  EXPECT_TRUE(row.ok());
  ASSERT_TRUE(row.Parse(CopyEncoder::End(), 5));
  EXPECT_TRUE(row.at_end());
}

TEST(CopyRow, NothingButAWholeRowIsTaken) {
  CopyEncoder rows;
  rows.BeginRow(1);
  rows.Int64(1);
  CopyRow row;
  EXPECT_FALSE(row.Parse(rows.rows(), 2));
  EXPECT_FALSE(row.Parse("", 1));
  for (size_t size = 2; size < rows.rows().size(); ++size) {
    ASSERT_TRUE(row.Parse(std::string_view(rows.rows()).substr(0, size), 1));
    row.TakeInt64();
    EXPECT_FALSE(row.ok()) << size;
  }
  ASSERT_TRUE(row.Parse(rows.rows(), 1));
  row.TakeInt32();
  EXPECT_FALSE(row.ok()) << "another width";
}

}  // namespace
}  // namespace sluice_postgres
