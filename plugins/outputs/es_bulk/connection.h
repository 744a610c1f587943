// SPDX-License-Identifier: Apache-2.0
// Connection: how the servers are reached: addresses, TLS, who we are, time limits; and one request
// as libcurl makes it. Secrets go to libcurl and nowhere else.
// Thread-safe after construction, but for a Transfer, which is one thread's.
#pragma once
#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nek/status.hpp"

namespace nek {

struct TlsConfig {
  std::string ca_file, fingerprint, certificate, key, key_password;
  bool verify = true;
};

struct ConnectionConfig {
  std::vector<std::string> hosts;
  std::string user, password, api_key, bearer;
  TlsConfig tls;
  std::chrono::milliseconds timeout{60000}, connect_timeout{5000};
};

struct HttpReply {
  CURLcode code = CURLE_OK;
  long status = 0;
  std::string body;
  uint64_t retry_after_ms = 0;
  uint64_t sent_bytes = 0;  // of the body
  std::string error;        // where there is no answer
  bool answered() const { return code == CURLE_OK; }
};

struct HttpRequest {
  std::string method = "GET";
  std::string path;                      // with what follows the host
  const char* content_type = nullptr;    // with a body
  std::vector<std::string_view> body;    // pieces, valid until the end
  bool gzip = false;                     // the body is packed
  std::chrono::milliseconds timeout{0};  // 0: the connection's
};

// Whether it is to be given up; empty: never.
using Stop = std::function<bool()>;

class Connection {
 public:
  explicit Connection(ConnectionConfig config);

  const std::vector<std::string>& hosts() const { return config_.hosts; }
  // Waits for the answer, of each host in turn until one answers, or until `stop`.
  HttpReply ask(const HttpRequest& request, const Stop& stop = {}) const;

  // A request under way; reused, so that libcurl's handle and its buffers are.
  class Transfer {
   public:
    Transfer();
    ~Transfer();
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    CURL* curl() const { return curl_; }
    void begin(const Connection& connection, size_t host, HttpRequest request);
    // After libcurl is done with it.
    HttpReply end(CURLcode code);
    void stop_when(Stop stop) { stop_ = std::move(stop); }

   private:
    static size_t read(char* to, size_t size, size_t count, void* self);
    static int seek(void* self, curl_off_t offset, int origin);
    static size_t write(char* from, size_t size, size_t count, void* self);
    static int progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

    CURL* curl_;
    HttpRequest request_;
    size_t piece_ = 0, offset_ = 0;  // what is sent next
    std::string reply_;
    curl_slist* headers_ = nullptr;
    char error_[CURL_ERROR_SIZE] = {};
    Stop stop_;
  };

 private:
  void configure(CURL* curl) const;

  ConnectionConfig config_;
};

// What is wrong with a host's address; empty: nothing.
std::string address_defect(const std::string& host);

}  // namespace nek
