// SPDX-License-Identifier: Apache-2.0
#include "config/listen_address.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(ListenAddress, UnixPathsResolveAgainstTheHome) {
  Result<ListenAddress> address = ParseListenAddress("unix:data/admin.sock", "/srv/node");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->kind, ListenAddress::Kind::kUnix);
  EXPECT_EQ(address->path, "/srv/node/data/admin.sock");
  EXPECT_EQ(ParseListenAddress("unix:/run/x.sock", "/srv/node")->path, "/run/x.sock");
}

TEST(ListenAddress, HostAndPort) {
  Result<ListenAddress> address = ParseListenAddress("[::1]:7380", "/h");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->host, "::1");
  EXPECT_EQ(address->port, 7380);
  EXPECT_TRUE(address->IsLocal());
  EXPECT_EQ(ParseListenAddress("localhost:0", "/h")->port, 0);
}

TEST(ListenAddress, WhatIsNoneIsRefused) {
  for (const char* text : {"", "unix:", "7380", ":7380", "host:", "host:x", "host:70000",
                           "::1:7380", "host:-1", "a b:1", "[]:1"}) {
    EXPECT_FALSE(ParseListenAddress(text, "/h")) << text;
  }
}

TEST(ListenAddress, NamesThatOnlyLookLikeLoopbackAreNotLocal) {
  for (const char* text : {"127.0.0.1.example.org:1", "127.example:1", "127.0.0:1", "128.0.0.1:1",
                           "0.0.0.0:1", "[::]:1", "127.0.0.256:1"}) {
    Result<ListenAddress> address = ParseListenAddress(text, "/h");
    ASSERT_TRUE(address) << text;
    EXPECT_FALSE(address->IsLocal()) << text;
  }
}

TEST(ListenAddress, UnixPathThatIsTooLongSaysWhatToDo) {
  std::string home = "/" + std::string(90, 'h');
  Result<ListenAddress> fits = ParseListenAddress("unix:" + std::string(15, 's'), home);
  EXPECT_TRUE(CheckUnixPathLength(*fits).ok());  // 91 + 1 + 15 = 107
  Result<ListenAddress> long_one = ParseListenAddress("unix:" + std::string(16, 's'), home);
  Status status = CheckUnixPathLength(*long_one);
  EXPECT_EQ(status.code(), StatusCode::kConfiguration);
  EXPECT_NE(status.message().find("may have 107 bytes and this has 108; move the home to a shorter "
                                  "path"),
            std::string::npos)
      << status.message();
}

}  // namespace
}  // namespace sluice
