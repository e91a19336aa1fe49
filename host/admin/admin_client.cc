// SPDX-License-Identifier: Apache-2.0
#include "admin/admin_client.h"

#include <fmt/core.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>

namespace sluice {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Stream = asio::generic::stream_protocol;  // a unix socket, or TCP

constexpr uint64_t kAnswerBytesMax = 64 * 1024 * 1024;

// The steps of one exchange; asynchronous ones, since only those have a time limit.
class Exchange {
 public:
  Exchange(http::verb method, const std::string& target, const std::string& body, Duration patience,
           const std::string& token)
      : patience_(std::chrono::duration_cast<std::chrono::milliseconds>(patience)) {
    request_.method(method);
    request_.target(target);
    request_.version(11);
    request_.set(http::field::host, "localhost");
    if (!token.empty()) request_.set(http::field::authorization, "Bearer " + token);
    request_.keep_alive(false);
    if (method == http::verb::post) {
      request_.set(http::field::content_type, "application/json");
      request_.body() = body;
      request_.prepare_payload();
    }
    parser_.body_limit(kAnswerBytesMax);
  }

  beast::error_code Run(const ListenAddress& address) {
    beast::error_code result;
    const Stream::endpoint endpoint = Resolve(address, &result);
    if (result) return result;
    stream_.expires_after(patience_);
    stream_.async_connect(endpoint, [&](beast::error_code error) {
      if (error) {
        result = error;
        return;
      }
      connected_ = true;
      stream_.expires_after(patience_);
      http::async_write(stream_, request_, [&](beast::error_code failed, size_t) {
        if (failed) {
          result = failed;
          return;
        }
        stream_.expires_after(patience_);
        http::async_read(stream_, buffer_, parser_,
                         [&](beast::error_code ended, size_t) { result = ended; });
      });
    });
    context_.run();
    return result;
  }

  bool connected() const { return connected_; }
  AdminAnswer TakeAnswer() {
    return {static_cast<int>(parser_.get().result_int()), std::move(parser_.get().body())};
  }

 private:
  Stream::endpoint Resolve(const ListenAddress& address, beast::error_code* error) {
    if (address.kind == ListenAddress::Kind::kUnix) {
      return asio::local::stream_protocol::endpoint(address.path.string());
    }
    asio::ip::tcp::resolver resolver(context_);
    const auto found = resolver.resolve(address.host, std::to_string(address.port), *error);
    if (*error || found.empty()) return {};
    asio::ip::tcp::endpoint endpoint = found.begin()->endpoint();
    // Who listens everywhere is asked here.
    if (endpoint.address().is_unspecified()) {
      endpoint.address(endpoint.address().is_v6()
                           ? asio::ip::address(asio::ip::address_v6::loopback())
                           : asio::ip::address(asio::ip::address_v4::loopback()));
    }
    return endpoint;
  }

  const std::chrono::milliseconds patience_;
  asio::io_context context_{1};
  beast::basic_stream<Stream> stream_{context_};
  http::request<http::string_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  bool connected_ = false;
};

Result<AdminAnswer> Ask(const ListenAddress& address, Duration patience, Exchange* exchange) {
  const auto failed = [&](StatusCode code, const std::string& what) {
    return Error(code, fmt::format("admin: {}: {}", AddressText(address), what));
  };
  if (!CheckUnixPathLength(address).ok()) {
    return failed(StatusCode::kNotFound, "no node can listen at a path of this length");
  }
  const beast::error_code error = exchange->Run(address);
  if (!error) return exchange->TakeAnswer();
  if (error == beast::error::timeout) {
    return failed(StatusCode::kTimeout,
                  fmt::format("the node did not answer within {} ms: look at its log",
                              patience / std::chrono::milliseconds(1)));
  }
  const bool nobody =
      !exchange->connected() && (error == boost::system::errc::connection_refused ||
                                 error == boost::system::errc::no_such_file_or_directory);
  if (nobody) return failed(StatusCode::kNotFound, "nobody listens there");
  // It ended between our connecting and its answer.
  if (error == http::error::end_of_stream || error == boost::system::errc::connection_reset ||
      error == boost::system::errc::broken_pipe) {
    return failed(StatusCode::kNotFound, "the node ended while it was asked");
  }
  return failed(StatusCode::kIo, fmt::format("cannot ask the node: {}", error.message()));
}

}  // namespace

Result<AdminAnswer> AdminGet(const ListenAddress& address, const std::string& target,
                             Duration patience, const std::string& token) {
  Exchange exchange(http::verb::get, target, "", patience, token);
  return Ask(address, patience, &exchange);
}

Result<AdminAnswer> AdminPost(const ListenAddress& address, const std::string& target,
                              const std::string& body, Duration patience,
                              const std::string& token) {
  Exchange exchange(http::verb::post, target, body, patience, token);
  return Ask(address, patience, &exchange);
}

}  // namespace sluice
