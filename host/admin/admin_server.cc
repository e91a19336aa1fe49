// SPDX-License-Identifier: Apache-2.0
#include "admin/admin_server.h"

#include <fmt/core.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "admin/unix_socket_file.h"
#include "base/log.h"

namespace sluice {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Local = asio::local::stream_protocol;

constexpr char kComponent[] = "admin";
constexpr uint32_t kHeaderBytesMax = 8 * 1024;
constexpr uint64_t kBodyBytesMax = 1024 * 1024;
constexpr std::chrono::seconds kPatience{10};
// Out of descriptors: trying again at once would only burn the processor.
constexpr std::chrono::milliseconds kAcceptPause{200};

// One connection: reads a request, writes its answer, and again while the client keeps it open.
// Lives as long as an operation of it is under way.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Local::socket socket, const RouteTable* routes)
      : stream_(std::move(socket)), routes_(routes) {}

  void Read() {
    parser_.emplace();
    parser_->header_limit(kHeaderBytesMax);
    parser_->body_limit(kBodyBytesMax);
    stream_.expires_after(kPatience);
    http::async_read(stream_, buffer_, *parser_,
                     beast::bind_front_handler(&Session::OnRead, shared_from_this()));
  }

 private:
  void OnRead(beast::error_code error, size_t) {
    if (error == http::error::body_limit) {
      return Write(AdminResponse::Error(413, "the request's body is too large"), false, false);
    }
    if (error == http::error::header_limit) {
      return Write(AdminResponse::Error(431, "the request's headers are too large"), false, false);
    }
    if (error == http::error::end_of_stream || error == beast::error::timeout) return;
    if (error.category() == make_error_code(http::error::bad_method).category()) {
      return Write(AdminResponse::Error(400, "this is no HTTP request: " + error.message()), false,
                   false);
    }
    if (error) return;
    const auto& message = parser_->get();
    AdminRequest request;
    request.method = std::string(message.method_string());
    const std::string target(message.target());
    const size_t question = target.find('?');
    request.path = target.substr(0, question);
    if (question != std::string::npos) request.query = target.substr(question + 1);
    request.body = message.body();
    Write(routes_->Answer(request), message.keep_alive(), request.method == "HEAD");
  }

  void Write(AdminResponse answer, bool keep_alive, bool head_only) {
    response_ = {};
    response_.result(static_cast<unsigned>(answer.status));
    response_.set(http::field::content_type, answer.content_type);
    response_.set(http::field::cache_control, "no-store");
    response_.keep_alive(keep_alive);
    response_.content_length(answer.body.size());
    if (!head_only) response_.body() = std::move(answer.body);
    stream_.expires_after(kPatience);
    http::async_write(stream_, response_,
                      beast::bind_front_handler(&Session::OnWritten, shared_from_this()));
  }

  void OnWritten(beast::error_code error, size_t) {
    if (!error && response_.keep_alive()) return Read();
    beast::error_code ignored;
    stream_.socket().shutdown(Local::socket::shutdown_send, ignored);
  }

  beast::basic_stream<Local> stream_;
  const RouteTable* const routes_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

}  // namespace

class AdminServer::Impl {
 public:
  Impl(std::filesystem::path path, RouteTable routes)
      : path_(std::move(path)), routes_(std::move(routes)), acceptor_(context_), pause_(context_) {}

  ~Impl() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
    if (!listening_) return;
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  Status Listen() {
    beast::error_code error;
    acceptor_.open(Local(), error);
    if (!error) {
      // Before anybody can connect: nobody but the owner may, whatever the umask is. bind() makes
      // the file with the mode of the socket's inode.
      fchmod(acceptor_.native_handle(), S_IRUSR | S_IWUSR);
      acceptor_.bind(Local::endpoint(path_.string()), error);
    }
    if (!error) listening_ = true;
    if (!error && chmod(path_.c_str(), S_IRUSR | S_IWUSR) != 0) {
      error.assign(errno, boost::system::system_category());
    }
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      return Status(StatusCode::kIo,
                    fmt::format("admin: cannot listen on {}: {}: check the folder's permissions, "
                                "or set admin.listen to another path",
                                path_.string(), error.message()));
    }
    Accept();
    thread_ = std::thread([this] { Run(); });
    return Status::Ok();
  }

 private:
  void Run() {
    // Signals are for the thread that waits for them.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    context_.run();
  }

  void Accept() {
    acceptor_.async_accept([this](beast::error_code error, Local::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error) {
        std::make_shared<Session>(std::move(socket), &routes_)->Read();
        return Accept();
      }
      LogWarn(kComponent, "a connection was not taken: {}", error.message());
      pause_.expires_after(kAcceptPause);
      pause_.async_wait([this](beast::error_code stopped) {
        if (!stopped) Accept();
      });
    });
  }

  const std::filesystem::path path_;
  const RouteTable routes_;
  asio::io_context context_{1};
  Local::acceptor acceptor_;
  asio::steady_timer pause_;
  bool listening_ = false;  // the socket's file is ours
  std::thread thread_;
};

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminServer::~AdminServer() = default;

Status CheckAdminAddress(const ListenAddress& address) {
  if (address.kind == ListenAddress::Kind::kUnix) return CheckUnixPathLength(address);
  return Status(StatusCode::kConfiguration,
                fmt::format("admin.listen: {}:{}: an address of the network is not yet available: "
                            "set it to a unix socket, such as \"unix:data/admin.sock\"",
                            address.host, address.port));
}

Result<std::unique_ptr<AdminServer>> AdminServer::Start(const ListenAddress& address,
                                                        RouteTable routes) {
  SLUICE_RETURN_IF_ERROR(CheckAdminAddress(address));
  SLUICE_RETURN_IF_ERROR(PrepareSocketPath(address.path));
  auto impl = std::make_unique<Impl>(address.path, std::move(routes));
  SLUICE_RETURN_IF_ERROR(impl->Listen());
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(impl)));
}

}  // namespace sluice
