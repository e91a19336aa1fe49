// SPDX-License-Identifier: Apache-2.0
//
// What a start does with files that are not as they were left: a torn tail is cut, anything else is
// named with file and offset and left alone.
#include <gmock/gmock.h>

#include <fstream>

#include "unit/plugins_file/sink_driver.h"

namespace sluice_file::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string ReadAll(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void WriteAll(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// Every file of the folder but FENCE, by name.
std::map<std::string, std::string> Snapshot(const SinkDriver& sink) {
  std::map<std::string, std::string> files;
  for (const fs::path& path : sink.Files()) files[path.filename().string()] = ReadAll(path);
  return files;
}

class DamageTest : public ::testing::TestWithParam<const char*> {
 protected:
  DamageTest() { content_.AddMany(12, 4, 12); }

  std::string settings() const { return GetParam(); }
  bool jsonl() const { return settings().find("jsonl") != std::string::npos; }

  // Ends with the given height; sizes_[h]: of the last file after height h.
  void Write(uint64_t last) {
    SinkDriver sink(home_.path(), settings());
    ASSERT_EQ(sink.Begin(++epoch_, content_), SLUICE_OK) << sink.failure();
    for (uint64_t height = sink.acked() + 1; height <= last; ++height) {
      ASSERT_EQ(sink.Deliver(content_.at(height)), SLUICE_OK) << sink.failure();
      last_file_ = sink.Files().back();
      sizes_[height] = fs::file_size(last_file_);
    }
  }

  // Starts on what is there, and ends with all heights held.
  void ExpectContinuesFrom(uint64_t height) {
    SinkDriver sink(home_.path(), settings());
    ASSERT_EQ(sink.Begin(++epoch_, content_), SLUICE_OK) << sink.failure();
    EXPECT_EQ(sink.acked(), height);
    ASSERT_TRUE(sink.DeliverAll(content_, content_.last(), 4)) << sink.failure();
    ExpectHolds(&sink, content_, 1, content_.last());
  }

  // The start fails, names the file, and changes nothing.
  std::string ExpectRefused(const fs::path& named) {
    SinkDriver sink(home_.path(), settings());
    const auto before = Snapshot(sink);
    EXPECT_EQ(sink.Start(++epoch_), SLUICE_FATAL) << sink.failure();
    EXPECT_THAT(sink.failure(), HasSubstr(named.filename().string()));
    EXPECT_THAT(sink.failure(), HasSubstr("at byte "));
    EXPECT_EQ(Snapshot(sink), before) << "nothing is cut";
    return sink.failure();
  }

  TemporaryFolder home_;
  StreamContent content_;
  uint64_t epoch_ = 0;
  fs::path last_file_;
  std::map<uint64_t, uint64_t> sizes_;
};

INSTANTIATE_TEST_SUITE_P(Formats, DamageTest,
                         ::testing::Values(R"("format":"segments")", R"("format":"jsonl")",
                                           R"("compression":"zstd")"));

TEST_P(DamageTest, TailTornAtEveryByteIsCut) {
  Write(8);
  const std::string whole = ReadAll(last_file_);
  for (uint64_t size = sizes_[7] + 1; size < sizes_[8]; ++size) {
    SCOPED_TRACE(size);
    WriteAll(last_file_, whole.substr(0, size));
    SinkDriver sink(home_.path(), settings());
    ASSERT_EQ(sink.Begin(++epoch_, content_), SLUICE_OK) << sink.failure();
    EXPECT_EQ(sink.acked(), 7u);
    ASSERT_EQ(sink.log().size(), 1u);
    EXPECT_THAT(sink.log()[0], HasSubstr("cut " + std::to_string(size - sizes_[7]) +
                                         " bytes at byte " + std::to_string(sizes_[7])));
    EXPECT_EQ(fs::file_size(last_file_), sizes_[7]);
  }
  ExpectContinuesFrom(7);
}

TEST_P(DamageTest, ZerosAndGarbageAtTheTailAreCut) {
  Write(8);
  const std::string whole = ReadAll(last_file_);
  for (const std::string& tail :
       {std::string(1, '\0'), std::string(5000, '\0'), std::string(300, '\xFF'),
        std::string("{\"stream\":\"demo\",\"height\":9,\"epoch\":1,\"cha"), std::string("\n")}) {
    WriteAll(last_file_, whole + tail);
    SinkDriver sink(home_.path(), settings());
    ASSERT_EQ(sink.Start(++epoch_), SLUICE_OK) << sink.failure();
    EXPECT_EQ(ReadAll(last_file_), whole);
  }
  ExpectContinuesFrom(8);
}

TEST_P(DamageTest, FlippedByteIsNamedOrCutButNeverServed) {
  Write(6);
  const std::string whole = ReadAll(last_file_);
  for (size_t at = 0; at < whole.size(); ++at) {
    SCOPED_TRACE(at);
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x20);
    WriteAll(last_file_, flipped);
    SinkDriver sink(home_.path(), settings());
    const int32_t status = sink.Start(++epoch_);
    const bool in_last = at >= sizes_[5];
    if (in_last && status == SLUICE_OK) {
      // Its tail is bad and nothing whole follows: cut, and delivered again.
      if (!jsonl()) {
        EXPECT_EQ(sink.Resume().height, 5u);
      }
    } else if (status == SLUICE_OK) {
      ASSERT_TRUE(jsonl()) << "only jsonl, which has no checksum, can take a change for real";
    } else {
      EXPECT_EQ(ReadAll(last_file_), flipped) << "nothing is cut";
      EXPECT_THAT(sink.failure(), HasSubstr(last_file_.string()));
      if (status == SLUICE_FATAL) {
        EXPECT_THAT(sink.failure(), HasSubstr("at byte "));
      }
    }
    // Elsewhere segments always find it, at the start of the entry that holds it.
    if (!in_last && !jsonl()) {
      uint64_t entry = 0;
      for (const auto& size : sizes_) {
        if (size.second <= at) entry = size.second;
      }
      EXPECT_EQ(status, SLUICE_FATAL);
      if (at >= sizes_[1]) {
        EXPECT_THAT(sink.failure(), HasSubstr("at byte " + std::to_string(entry) + ":"));
      }
    }
  }
}

TEST_P(DamageTest, EmptyLastFileOfACrashAtCreationIsRemoved) {
  Write(8);
  const fs::path next =
      last_file_.parent_path() / ("00000000000000000009" + last_file_.extension().string());
  const std::string first = ReadAll(last_file_);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{30}}) {
    WriteAll(next, first.substr(0, size));
    SinkDriver sink(home_.path(), settings());
    ASSERT_EQ(sink.Start(++epoch_), SLUICE_OK) << sink.failure();
    EXPECT_FALSE(fs::exists(next));
    EXPECT_THAT(sink.log().back(), HasSubstr("a file whose creation a crash interrupted"));
    EXPECT_EQ(sink.Resume().height, 8u);
  }
  ExpectContinuesFrom(8);
}

class RotatedDamageTest : public DamageTest {
 protected:
  RotatedDamageTest() {
    content_.AddMany(28, 5, 12);
    Write(30);
    SinkDriver probe(home_.path(), settings());
    files_ = probe.Files();
  }
  std::vector<fs::path> files_;
};

INSTANTIATE_TEST_SUITE_P(Formats, RotatedDamageTest,
                         ::testing::Values(R"("rotate_bytes":1000)",
                                           R"("rotate_bytes":1000,"format":"jsonl")"));

TEST_P(RotatedDamageTest, MissingFileInTheMiddleIsNamed) {
  ASSERT_GE(files_.size(), 5u);
  fs::remove(files_[2]);
  // Segments name the one that lacks its neighbour, jsonl the one after which something is missing.
  const std::string text = ExpectRefused(jsonl() ? files_[1] : files_[3]);
  EXPECT_THAT(text, HasSubstr("missing"));
  EXPECT_NE(SinkDriver(home_.path(), settings()).ReadBack().status, SLUICE_OK);
}

TEST_P(RotatedDamageTest, ShortenedFileInTheMiddleIsNamed) {
  const std::string whole = ReadAll(files_[2]);
  for (const size_t lost : {size_t{1}, whole.size() / 2, whole.size()}) {
    WriteAll(files_[2], whole.substr(0, whole.size() - lost));
    ExpectRefused(files_[2]);
    EXPECT_NE(SinkDriver(home_.path(), settings()).ReadBack().status, SLUICE_OK);
  }
  WriteAll(files_[2], whole);
  ExpectContinuesFrom(30);
}

TEST_P(RotatedDamageTest, MissingFirstFilesAreATruncatedBeginning) {
  fs::remove(files_[0]);
  fs::remove(files_[1]);
  SinkDriver sink(home_.path(), settings());
  ASSERT_EQ(sink.Begin(++epoch_, content_), SLUICE_OK) << sink.failure();
  EXPECT_EQ(sink.ReadBack().flags, SLUICE_READBACK_TRUNCATED);
  ASSERT_EQ(sink.Deliver(content_.at(31)), SLUICE_OK);
}

TEST_P(RotatedDamageTest, FlippedByteInTheMiddleIsFoundByReadingBack) {
  std::string bytes = ReadAll(files_[2]);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x80);
  WriteAll(files_[2], bytes);
  SinkDriver sink(home_.path(), settings());
  const auto held = sink.ReadBack();
  EXPECT_EQ(held.status, SLUICE_FATAL);
  EXPECT_THAT(sink.failure(), HasSubstr(files_[2].string() + ": at byte "));
}

TEST_P(RotatedDamageTest, RenamedFileIsNamed) {
  fs::rename(files_[3],
             files_[3].parent_path() / ("00000000000000000099" + files_[3].extension().string()));
  SinkDriver sink(home_.path(), settings());
  EXPECT_EQ(sink.Start(++epoch_), SLUICE_FATAL);
  EXPECT_THAT(sink.failure(), HasSubstr("at byte "));
}

}  // namespace
}  // namespace sluice_file::testing
