// SPDX-License-Identifier: Apache-2.0
#include "postgres/connection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace sluice_postgres {
namespace {

// Takes connections and says nothing, as a server that hangs.
class SilentServer {
 public:
  SilentServer() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(socket_, 8), 0);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { close(socket_); }
  std::string conninfo() const {
    return "host=127.0.0.1 user=u dbname=d password=open-sesame port=" + std::to_string(port_);
  }

 private:
  int socket_;
  int port_ = 0;
};

TEST(Connection, CancelEndsAWait) {
  const SilentServer server;
  Wakeup wakeup;
  Connection connection(&wakeup, nullptr);
  std::thread canceller([&] { wakeup.Raise(); });
  const Fault fault = connection.Open(server.conninfo(), "test");
  canceller.join();
  EXPECT_EQ(fault.code(), SLUICE_CANCELLED);
  EXPECT_FALSE(connection.open());
}

TEST(Connection, CancelThatCameBeforeTheWaitCountsOnce) {
  const SilentServer server;
  Wakeup wakeup;
  wakeup.Raise();
  Connection connection(&wakeup, nullptr);
  EXPECT_EQ(connection.Open(server.conninfo(), "test").code(), SLUICE_CANCELLED);
  connection.set_deadline(Clock::now());
  EXPECT_EQ(connection.Open(server.conninfo(), "test").code(), SLUICE_RETRY);
}

TEST(Connection, DeadlineEndsAWait) {
  const SilentServer server;
  Wakeup wakeup;
  Connection connection(&wakeup, nullptr);
  connection.set_deadline(Clock::now() + std::chrono::milliseconds(20));
  const Fault fault = connection.Open(server.conninfo(), "test");
  EXPECT_EQ(fault.code(), SLUICE_RETRY);
  EXPECT_EQ(fault.text().find("open-sesame"), std::string::npos);
}

TEST(Connection, WrongParametersAreTheOperators) {
  Wakeup wakeup;
  Connection connection(&wakeup, nullptr);
  const Fault fault =
      connection.Open("host=127.0.0.1 sslmode=perhaps password=open-sesame", "test");
  EXPECT_EQ(fault.code(), SLUICE_INVALID);
  EXPECT_NE(fault.text().find("sslmode"), std::string::npos) << fault.text();
  EXPECT_EQ(fault.text().find("open-sesame"), std::string::npos);
}

TEST(Connection, NothingIsAskedWithoutOne) {
  Wakeup wakeup;
  Connection connection(&wakeup, nullptr);
  EXPECT_EQ(connection.Execute("SELECT 1").code(), SLUICE_RETRY);
}

}  // namespace
}  // namespace sluice_postgres
