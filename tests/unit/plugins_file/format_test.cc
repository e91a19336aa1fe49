// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>
#include <random>
#include <sstream>

#include "file/change_set_decoder.h"
#include "file/compression.h"
#include "file/crc32c.h"
#include "file/frame.h"
#include "file/text_encoding.h"
#include "unit/plugins_file/stream_content.h"

namespace sluice_file {
namespace {

using testing::StreamContent;

TEST(Crc32c, GivesTheVectorsOfTheRfc) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(Crc32c(""), 0u);
}

TEST(Crc32c, PortableAndProcessorAgreeAndPiecesGiveTheWhole) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200; ++i) {
    std::string bytes(random() % 100, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const size_t cut = bytes.empty() ? 0 : random() % bytes.size();
    EXPECT_EQ(Crc32c(bytes), Crc32cPortable(bytes));
    EXPECT_EQ(Crc32c(bytes.substr(cut), Crc32c(bytes.substr(0, cut))), Crc32c(bytes));
    EXPECT_EQ(Crc32cPortable(bytes.substr(cut), Crc32cPortable(bytes.substr(0, cut))),
              Crc32c(bytes));
  }
}

TEST(Frame, RoundTrips) {
  Frame frame;
  frame.kind = FrameKind::kChanges;
  frame.flags = kFrameFiltered;
  frame.epoch = 3;
  frame.height = 12;
  frame.previous_digest.fill(1);
  frame.digest.fill(2);
  frame.bytes = "some bytes";
  std::string bytes;
  AppendFrame(frame, &bytes);
  EXPECT_EQ(bytes.size(), kFrameHead + 10);
  EXPECT_EQ(FrameSize(bytes), bytes.size());
  Frame read;
  EXPECT_EQ(DecodeFrame(bytes, &read), "");
  EXPECT_EQ(read.kind, frame.kind);
  EXPECT_EQ(read.flags, frame.flags);
  EXPECT_EQ(read.epoch, 3u);
  EXPECT_EQ(read.height, 12u);
  EXPECT_EQ(read.previous_digest, frame.previous_digest);
  EXPECT_EQ(read.digest, frame.digest);
  EXPECT_EQ(read.bytes, frame.bytes);
}

TEST(Frame, EveryFlippedBitIsFound) {
  Frame frame;
  frame.bytes = "x";
  std::string bytes;
  AppendFrame(frame, &bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    Frame read;
    EXPECT_NE(DecodeFrame(flipped, &read), "") << "bit " << bit;
  }
}

// The bytes in FORMAT.md's example are those that this code writes.
TEST(FormatDocument, WorkedExampleIsWhatIsWritten) {
  StreamContent content("demo");
  content.Add({{false, "orders", "o-1", "42", false, ""}});
  std::string bytes;
  AppendSegmentHeader({1, "demo", "audit"}, &bytes);
  const std::string link = EncodeSegmentLink({});
  Frame base;
  base.kind = FrameKind::kBase;
  base.epoch = 3;
  base.previous_digest = base.digest = content.digest(0);
  base.bytes = link;
  AppendFrame(base, &bytes);
  Frame changes;
  changes.epoch = 3;
  changes.height = 1;
  changes.previous_digest = content.digest(0);
  changes.digest = content.digest(1);
  changes.bytes = content.at(1).canonical;
  AppendFrame(changes, &bytes);

  // In the document: lines of "  <offset>  <hexadecimal bytes>  <what it is>" inside the fence
  // ```segment.
  std::ifstream document(SLUICE_SOURCE_DIR "/plugins/file/FORMAT.md");
  std::string hex;
  bool inside = false;
  for (std::string line; std::getline(document, line);) {
    if (line == "```segment") inside = true;
    if (line == "```") inside = false;
    std::istringstream words(line);
    std::string offset, word;
    if (!inside || !(words >> offset) || offset[0] == '`') continue;
    EXPECT_EQ(std::stoul(offset), hex.size() / 2) << line;
    for (; words >> word && word != "|";) hex += word;
  }
  std::string expected;
  AppendHex(bytes, &expected);
  EXPECT_EQ(hex, expected);
}

TEST(ChangeSetDecoder, GivesTheChangesOfCanonicalBytes) {
  StreamContent content("demo");
  content.Add({{false, "orders", "o-1", "42", false, ""},
               {true, "orders", std::string("\0\xFF", 2), "", false, ""},
               {false, "stock", "s", "", false, ""}});
  ChangeSetView view;
  ASSERT_EQ(DecodeChangeSet(content.at(1).canonical, &view), "");
  EXPECT_EQ(view.stream, "demo");
  EXPECT_EQ(view.height, 1u);
  ASSERT_EQ(view.changes.size(), 3u);
  EXPECT_EQ(view.changes[1].is_delete, true);
  EXPECT_EQ(view.changes[1].key, std::string("\0\xFF", 2));
  EXPECT_EQ(view.changes[2].transaction, 1u);
  EXPECT_EQ(view.changes[2].sequence, 2u);
}

TEST(ChangeSetDecoder, RefusesEveryCutAndSurvivesAnyBytes) {
  StreamContent content("demo");
  content.AddMany(1, 3);
  content.Add({{false, "orders", "o-1", "42", false, ""}});
  const std::string& bytes = content.at(2).canonical;
  ChangeSetView view;
  EXPECT_NE(DecodeChangeSet(bytes.substr(0, bytes.size() - 1), &view), "");
  std::mt19937_64 random(11);
  for (int i = 0; i < 20000; ++i) {
    std::string changed = bytes.substr(0, random() % (bytes.size() + 1));
    if (!changed.empty()) changed[random() % changed.size()] = static_cast<char>(random());
    static_cast<void>(DecodeChangeSet(changed, &view));
  }
}

TEST(Compression, RoundTripsAndRefusesGarbage) {
  Compressor compressor;
  const std::string text(10000, 'a');
  std::string packed;
  std::string unpacked;
  ASSERT_TRUE(compressor.Compress(text, &packed));
  EXPECT_LT(packed.size(), 100u);
  EXPECT_EQ(Uncompress(packed, &unpacked), "");
  EXPECT_EQ(unpacked, text);
  EXPECT_FALSE(compressor.Compress("x", &packed)) << "what does not get smaller is stored as it is";
  EXPECT_NE(Uncompress("no zstd", &unpacked), "");
}

TEST(TextEncoding, Base64HasTheVectorsOfTheRfc) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& vector : vectors) {
    std::string text, bytes;
    AppendBase64(vector.first, &text);
    EXPECT_EQ(text, vector.second);
    EXPECT_TRUE(DecodeBase64(text, &bytes));
    EXPECT_EQ(bytes, vector.first);
  }
  std::string bytes;
  for (const char* wrong : {"Zg", "Zg=", "Z===", "Zh==", "Zm9=", "Zg==Zg==", "Zm9\n", "----"}) {
    EXPECT_FALSE(DecodeBase64(wrong, &bytes)) << wrong;
  }
}

TEST(TextEncoding, Utf8CheckFollowsTheStandard) {
  for (const char* good : {"", "abc", "\u00e9", "\u20ac", "\U0001F600", "\U0010FFFF", "\uD7FF"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "a\xFF"}) {
    EXPECT_FALSE(IsUtf8(bad));
  }
}

TEST(TextEncoding, JsonStringEscapesExactly) {
  std::string out;
  AppendJsonString(std::string("\"\\\b\f\n\r\t\x01/\x7F\u00e9\0", 13), &out);
  EXPECT_EQ(out, "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001/\x7F\u00e9\\u0000\"");
}

}  // namespace
}  // namespace sluice_file
