// SPDX-License-Identifier: Apache-2.0
#include "admin/admin_server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <vector>

#include "admin/admin_client.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;

constexpr Duration kPatience = std::chrono::seconds(30);

class AdminServerTest : public testing::Test {
 protected:
  AdminServerTest() {
    std::string folder = (fs::temp_directory_path() / "sluice-admin-XXXXXX").string();
    folder_ = mkdtemp(folder.data());
    address_.kind = ListenAddress::Kind::kUnix;
    address_.path = folder_ / "data" / "admin.sock";
  }
  ~AdminServerTest() override { fs::remove_all(folder_); }

  static RouteTable Routes() {
    RouteTable routes;
    routes.Add("GET", "/large", [](const AdminRequest&) {
      return AdminResponse::Text(200, std::string(5'000'000, 'x'));
    });
    routes.Add("GET", "/hello",
               [](const AdminRequest&) { return AdminResponse::Text(200, "hello"); });
    return routes;
  }

  // A socket file that nobody listens at, as a node that was killed leaves it.
  void LeaveStaleSocket() const {
    fs::create_directories(address_.path.parent_path());
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, address_.path.c_str(), sizeof name.sun_path - 1);
    ASSERT_EQ(bind(descriptor, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    close(descriptor);
  }

  int Connect() const {
    int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, address_.path.c_str(), sizeof name.sun_path - 1);
    EXPECT_EQ(connect(descriptor, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    return descriptor;
  }

  // Sends the bytes as they are and reads until the server closes.
  std::string Exchange(const std::string& bytes) const {
    int descriptor = Connect();
    EXPECT_EQ(::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    std::string answer;
    char buffer[4096];
    for (ssize_t n; (n = read(descriptor, buffer, sizeof buffer)) > 0;) {
      answer.append(buffer, static_cast<size_t>(n));
    }
    close(descriptor);
    return answer;
  }

  fs::path folder_;
  ListenAddress address_;
};

TEST_F(AdminServerTest, AnswersItsClient) {
  auto server = AdminServer::Start(address_, Routes());
  ASSERT_TRUE(server) << server.error().message();
  auto hello = AdminGet(address_, "/hello", kPatience);
  ASSERT_TRUE(hello) << hello.error().message();
  EXPECT_EQ(hello->body, "hello");
  EXPECT_EQ(AdminGet(address_, "/large", kPatience)->body.size(), 5'000'000u);
  EXPECT_EQ(AdminGet(address_, "/nothing", kPatience)->status, 404);
}

TEST_F(AdminServerTest, OnlyTheOwnerMayConnect) {
  auto server = AdminServer::Start(address_, Routes());
  ASSERT_TRUE(server);
  struct stat facts {};
  ASSERT_EQ(stat(address_.path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST_F(AdminServerTest, RemovesItsSocketAtTheEnd) {
  {
    auto server = AdminServer::Start(address_, Routes());
    ASSERT_TRUE(server);
  }
  EXPECT_FALSE(fs::exists(address_.path));
  EXPECT_EQ(AdminGet(address_, "/hello", kPatience).error().code(), StatusCode::kNotFound);
}

TEST_F(AdminServerTest, ReplacesTheSocketOfADeadNode) {
  LeaveStaleSocket();
  EXPECT_EQ(AdminGet(address_, "/hello", kPatience).error().code(), StatusCode::kNotFound);
  auto server = AdminServer::Start(address_, Routes());
  ASSERT_TRUE(server) << server.error().message();
  EXPECT_TRUE(AdminGet(address_, "/hello", kPatience));
}

TEST_F(AdminServerTest, LeavesALivingNodesSocketAlone) {
  auto server = AdminServer::Start(address_, Routes());
  ASSERT_TRUE(server);
  auto second = AdminServer::Start(address_, Routes());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), StatusCode::kLocked);
  EXPECT_TRUE(AdminGet(address_, "/hello", kPatience));
}

TEST_F(AdminServerTest, NeverRemovesAFileThatIsNoSocket) {
  fs::create_directories(address_.path.parent_path());
  std::ofstream(address_.path) << "mine";
  auto server = AdminServer::Start(address_, Routes());
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code(), StatusCode::kConfiguration);
  EXPECT_TRUE(fs::is_regular_file(address_.path));
}

TEST_F(AdminServerTest, AddressesThatCannotBeAreConfigurationErrors) {
  ListenAddress tcp;
  tcp.host = "192.0.2.1";  // of nobody (RFC 5737)
  EXPECT_EQ(AdminServer::Start(tcp, Routes()).error().code(), StatusCode::kConfiguration);
  address_.path = folder_ / std::string(kMaxUnixPathBytes, 'x');
  EXPECT_EQ(AdminServer::Start(address_, Routes()).error().code(), StatusCode::kConfiguration);
}

TEST_F(AdminServerTest, ListensOnTheNetwork) {
  ListenAddress tcp;
  tcp.host = "127.0.0.1";
  auto server = AdminServer::Start(tcp, Routes());
  ASSERT_TRUE(server) << server.error().message();
  const ListenAddress bound = (*server)->address();
  EXPECT_NE(bound.port, 0);
  EXPECT_EQ(AdminGet(bound, "/hello", kPatience)->body, "hello");
  EXPECT_EQ(AdminServer::Start(bound, Routes()).error().code(), StatusCode::kLocked);
}

TEST_F(AdminServerTest, AnswersNobodyWithoutTheToken) {
  ListenAddress tcp;
  tcp.host = "127.0.0.1";
  auto server = AdminServer::Start(tcp, Routes(), "s3cret");
  ASSERT_TRUE(server);
  const ListenAddress bound = (*server)->address();
  for (const char* token : {"", "s3cre", "s3cret2", "S3cret"}) {
    auto answer = AdminGet(bound, "/hello", kPatience, token);
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->status, 401) << token;
    EXPECT_EQ(answer->body.find("s3cret"), std::string::npos);
  }
  EXPECT_EQ(AdminGet(bound, "/hello", kPatience, "s3cret")->body, "hello");
}

TEST_F(AdminServerTest, TakesNoMoreConnectionsAtOnceThanItMay) {
  auto server = AdminServer::Start(address_, Routes());
  ASSERT_TRUE(server);
  std::vector<int> idle;
  for (int i = 0; i < 128; ++i) idle.push_back(Connect());
  std::future<bool> answered = std::async(
      std::launch::async, [this] { return AdminGet(address_, "/hello", kPatience).has_value(); });
  // It waits until one of them is gone.
  EXPECT_EQ(answered.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
  close(idle.back());
  idle.pop_back();
  EXPECT_TRUE(answered.get());
  for (int descriptor : idle) close(descriptor);
}

TEST_F(AdminServerTest, ClosesAConnectionThatNeverFinishesItsRequest) {
  auto server = AdminServer::Start(address_, Routes());
  ASSERT_TRUE(server);
  // Without an answer: the read ends when the server closes, after its time limit.
  EXPECT_EQ(Exchange("GET /hello HTTP/1.1\r\nHost: lo"), "");
  EXPECT_TRUE(AdminGet(address_, "/hello", kPatience));
}

TEST_F(AdminServerTest, RefusesWhatIsTooLargeOrNoHttp) {
  auto server = AdminServer::Start(address_, Routes());
  ASSERT_TRUE(server);
  EXPECT_NE(Exchange("GET / HTTP/1.1\r\nx: " + std::string(9000, 'y') + "\r\n\r\n").find(" 431 "),
            std::string::npos);
  EXPECT_NE(Exchange("POST /hello HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n").find(" 413 "),
            std::string::npos);
  EXPECT_NE(Exchange("no such thing\r\n\r\n").find(" 400 "), std::string::npos);
}

}  // namespace
}  // namespace sluice
