// SPDX-License-Identifier: Apache-2.0
#include "admin/admin_client.h"

#include <fmt/core.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>

#include "config/listen_address.h"

namespace sluice {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Local = asio::local::stream_protocol;

constexpr uint64_t kAnswerBytesMax = 64 * 1024 * 1024;

// The steps of one exchange; asynchronous ones, since only those have a time limit.
class Exchange {
 public:
  Exchange(const std::string& target, Duration patience)
      : patience_(std::chrono::duration_cast<std::chrono::milliseconds>(patience)) {
    request_.method(http::verb::get);
    request_.target(target);
    request_.version(11);
    request_.set(http::field::host, "localhost");
    request_.keep_alive(false);
    parser_.body_limit(kAnswerBytesMax);
  }

  beast::error_code Run(const std::string& path) {
    beast::error_code result;
    stream_.expires_after(patience_);
    stream_.async_connect(Local::endpoint(path), [&](beast::error_code error) {
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
  const std::chrono::milliseconds patience_;
  asio::io_context context_{1};
  beast::basic_stream<Local> stream_{context_};
  http::request<http::empty_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  bool connected_ = false;
};

}  // namespace

Result<AdminAnswer> AdminGet(const std::filesystem::path& socket, const std::string& target,
                             Duration patience) {
  const std::string path = socket.string();
  const auto failed = [&](StatusCode code, const std::string& what) {
    return Error(code, fmt::format("admin: {}: {}", path, what));
  };
  if (path.size() > kMaxUnixPathBytes) {
    return failed(StatusCode::kNotFound, "no node can listen at a path of this length");
  }
  Exchange exchange(target, patience);
  const beast::error_code error = exchange.Run(path);
  if (!error) return exchange.TakeAnswer();
  if (error == beast::error::timeout) {
    return failed(StatusCode::kTimeout,
                  fmt::format("the node did not answer within {} ms: look at its log",
                              patience / std::chrono::milliseconds(1)));
  }
  const bool nobody =
      !exchange.connected() && (error == boost::system::errc::connection_refused ||
                                error == boost::system::errc::no_such_file_or_directory);
  if (nobody) return failed(StatusCode::kNotFound, "nobody listens there");
  // It ended between our connecting and its answer.
  if (error == http::error::end_of_stream || error == boost::system::errc::connection_reset ||
      error == boost::system::errc::broken_pipe) {
    return failed(StatusCode::kNotFound, "the node ended while it was asked");
  }
  return failed(StatusCode::kIo, fmt::format("cannot ask the node: {}", error.message()));
}

}  // namespace sluice
