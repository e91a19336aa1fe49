// SPDX-License-Identifier: Apache-2.0
#include "admin/admin_server.h"

#include <fmt/core.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
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
using Stream = asio::generic::stream_protocol;  // a unix socket, or TCP
using Acceptor = asio::basic_socket_acceptor<Stream>;

constexpr char kComponent[] = "admin";
constexpr uint32_t kHeaderBytesMax = 8 * 1024;
constexpr uint64_t kBodyBytesMax = 1024 * 1024;
constexpr std::chrono::seconds kPatience{10};
// Out of descriptors: trying again at once would only burn the processor.
constexpr std::chrono::milliseconds kAcceptPause{200};
// More connections at once than any operator has; the next ones wait in the system's queue.
constexpr size_t kSessionsMax = 128;

// In a time that does not tell how much of it is right.
bool SameSecret(std::string_view given, std::string_view secret) {
  return given.size() == secret.size() &&
         CRYPTO_memcmp(given.data(), secret.data(), secret.size()) == 0;
}

struct Serving {
  RouteTable routes;
  std::string token;  // empty: none is asked for
};

// One connection: reads a request, writes its answer, and again while the client keeps it open.
// Lives as long as an operation of it is under way.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Stream::socket socket, const Serving* serving, std::function<void()> on_end)
      : stream_(std::move(socket)), serving_(serving), on_end_(std::move(on_end)) {}
  ~Session() { on_end_(); }

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
    if (!Allowed(message)) {
      return Write(AdminResponse::Error(401,
                                        "this needs the header Authorization: Bearer <the "
                                        "token of admin.token>"),
                   false, message.method() == http::verb::head);
    }
    AdminRequest request;
    request.method = std::string(message.method_string());
    const std::string target(message.target());
    const size_t question = target.find('?');
    request.path = target.substr(0, question);
    if (question != std::string::npos) request.query = target.substr(question + 1);
    request.body = message.body();
    Write(serving_->routes.Answer(request), message.keep_alive(), request.method == "HEAD");
  }

  bool Allowed(const http::request<http::string_body>& message) const {
    constexpr std::string_view kScheme = "Bearer ";
    if (serving_->token.empty()) return true;
    const auto field = message[http::field::authorization];
    const std::string_view given(field.data(), field.size());
    return given.substr(0, kScheme.size()) == kScheme &&
           SameSecret(given.substr(kScheme.size()), serving_->token);
  }

  void Write(AdminResponse answer, bool keep_alive, bool head_only) {
    response_ = {};
    response_.result(static_cast<unsigned>(answer.status));
    response_.set(http::field::content_type, answer.content_type);
    response_.set(http::field::cache_control, "no-store");
    response_.set("X-Content-Type-Options", "nosniff");
    if (answer.status == 401) response_.set(http::field::www_authenticate, "Bearer");
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
    stream_.socket().shutdown(Stream::socket::shutdown_send, ignored);
  }

  beast::basic_stream<Stream> stream_;
  const Serving* const serving_;
  const std::function<void()> on_end_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
};

// The endpoint of a network address. kConfiguration where the name is not known.
Result<Stream::endpoint> ResolveTcp(asio::io_context* context, const ListenAddress& address) {
  beast::error_code error;
  asio::ip::tcp::resolver resolver(*context);
  const auto found = resolver.resolve(address.host, std::to_string(address.port),
                                      asio::ip::tcp::resolver::passive, error);
  if (!error && found.empty()) error = asio::error::host_not_found;
  if (error) {
    return Error(StatusCode::kConfiguration,
                 fmt::format("cannot listen: {}: {}: give an address of this machine",
                             AddressText(address), error.message()));
  }
  return Stream::endpoint(found.begin()->endpoint());
}

Status CannotListen(const ListenAddress& address, const beast::error_code& error) {
  const std::string what =
      fmt::format("cannot listen: {}: {}", AddressText(address), error.message());
  if (error == boost::system::errc::address_in_use) {
    return Status(StatusCode::kLocked, what +
                                           ": another process listens there: end it, or choose "
                                           "another address");
  }
  if (error == boost::system::errc::address_not_available) {
    return Status(StatusCode::kConfiguration, what + ": give an address of this machine");
  }
  return Status(StatusCode::kIo, what + ": check permissions, or choose another address");
}

}  // namespace

class AdminServer::Impl {
 public:
  Impl(ListenAddress address, RouteTable routes, std::string token)
      : address_(std::move(address)),
        serving_{std::move(routes), std::move(token)},
        acceptor_(context_),
        pause_(context_) {}

  ~Impl() {
    ending_ = true;
    context_.stop();
    if (thread_.joinable()) thread_.join();
    if (!listening_ || !is_unix()) return;
    std::error_code ignored;
    std::filesystem::remove(address_.path, ignored);
  }

  Status Listen() {
    beast::error_code error;
    if (is_unix()) {
      Stream::endpoint endpoint(asio::local::stream_protocol::endpoint(address_.path.string()));
      Open(endpoint, &error);
    } else {
      SLUICE_ASSIGN_OR_RETURN(Stream::endpoint endpoint, ResolveTcp(&context_, address_));
      Open(endpoint, &error);
    }
    if (error) return CannotListen(address_, error);
    Accept();
    thread_ = std::thread([this] { Run(); });
    return Status::Ok();
  }

  const ListenAddress& address() const { return address_; }

 private:
  bool is_unix() const { return address_.kind == ListenAddress::Kind::kUnix; }

  void Open(const Stream::endpoint& endpoint, beast::error_code* error) {
    acceptor_.open(endpoint.protocol(), *error);
    if (*error) return;
    if (is_unix()) {
      // Before anybody can connect: nobody but the owner may, whatever the umask is. bind() makes
      // the file with the mode of the socket's inode.
      fchmod(acceptor_.native_handle(), S_IRUSR | S_IWUSR);
    } else {
      // A node that is started again need not wait for connections of before to be forgotten.
      acceptor_.set_option(asio::socket_base::reuse_address(true), *error);
      if (*error) return;
    }
    acceptor_.bind(endpoint, *error);
    if (*error) return;
    listening_ = true;
    if (is_unix() && chmod(address_.path.c_str(), S_IRUSR | S_IWUSR) != 0) {
      error->assign(errno, boost::system::system_category());
      return;
    }
    acceptor_.listen(asio::socket_base::max_listen_connections, *error);
    if (!*error && !is_unix()) NotePort();
  }

  void NotePort() {
    const Stream::endpoint bound = acceptor_.local_endpoint();
    asio::ip::tcp::endpoint tcp;
    tcp.resize(bound.size());
    std::memcpy(tcp.data(), bound.data(), bound.size());
    address_.port = tcp.port();
  }

  void Run() {
    // Signals are for the thread that waits for them.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    context_.run();
  }

  void Accept() {
    accepting_ = true;
    acceptor_.async_accept([this](beast::error_code error, Stream::socket socket) {
      accepting_ = false;
      if (error == asio::error::operation_aborted) return;
      if (!error) {
        ++sessions_;
        std::make_shared<Session>(std::move(socket), &serving_, [this] { OnSessionEnd(); })->Read();
        if (sessions_ < kSessionsMax) Accept();
        return;
      }
      LogWarn(kComponent, "a connection was not taken: {}", error.message());
      pause_.expires_after(kAcceptPause);
      pause_.async_wait([this](beast::error_code stopped) {
        if (!stopped) Accept();
      });
    });
  }

  void OnSessionEnd() {
    if (sessions_-- == kSessionsMax && !accepting_ && !ending_) Accept();
  }

  ListenAddress address_;
  const Serving serving_;
  size_t sessions_ = 0;     // the server's thread only, and the destructor behind it
  bool accepting_ = false;  // the same
  std::atomic<bool> ending_{false};
  asio::io_context context_{1};
  Acceptor acceptor_;
  asio::steady_timer pause_;
  bool listening_ = false;  // the address, and a unix socket's file, is ours
  std::thread thread_;
};

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AdminServer::~AdminServer() = default;

const ListenAddress& AdminServer::address() const { return impl_->address(); }

Result<std::unique_ptr<AdminServer>> AdminServer::Start(const ListenAddress& address,
                                                        RouteTable routes,
                                                        const std::string& token) {
  if (address.kind == ListenAddress::Kind::kUnix) {
    SLUICE_RETURN_IF_ERROR(CheckUnixPathLength(address));
    SLUICE_RETURN_IF_ERROR(PrepareSocketPath(address.path));
  }
  auto impl = std::make_unique<Impl>(address, std::move(routes), token);
  SLUICE_RETURN_IF_ERROR(impl->Listen());
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(impl)));
}

}  // namespace sluice
