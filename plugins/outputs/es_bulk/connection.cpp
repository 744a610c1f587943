// SPDX-License-Identifier: Apache-2.0
#include "connection.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>

namespace nek {
namespace {

constexpr size_t kMaxReply = size_t{256} << 20;
constexpr long kUploadBuffer = 512L << 10;

void start_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

std::string address_defect(const std::string& host) {
  const bool http = host.starts_with("http://"), https = host.starts_with("https://");
  if (!http && !https) return "must begin with http:// or https://";
  const std::string_view rest = std::string_view(host).substr(http ? 7 : 8);
  if (rest.empty() || rest.front() == '/' || rest.front() == ':') return "names no host";
  if (rest.substr(0, rest.find('/')).find('@') != std::string_view::npos)
    return "may hold no user or password; there are options of these names";
  if (rest.find_first_of("?# ") != std::string_view::npos) return "may end with a path only";
  return "";
}

Connection::Connection(ConnectionConfig config) : config_(std::move(config)) {
  start_curl();
  for (std::string& host : config_.hosts)
    while (host.ends_with('/')) host.pop_back();
}

void Connection::configure(CURL* curl) const {
  const TlsConfig& tls = config_.tls;
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, nullptr);
  curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer);
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 128L << 10);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(config_.connect_timeout.count()));
  if (!tls.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, tls.ca_file.c_str());
  if (!tls.fingerprint.empty())
    curl_easy_setopt(curl, CURLOPT_PINNEDPUBLICKEY, tls.fingerprint.c_str());
  // A key that is pinned is proof enough where no authority is named.
  const bool pinned = !tls.fingerprint.empty() && tls.ca_file.empty();
  const bool verify = tls.verify && !pinned;
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  if (!tls.certificate.empty()) curl_easy_setopt(curl, CURLOPT_SSLCERT, tls.certificate.c_str());
  if (!tls.key.empty()) curl_easy_setopt(curl, CURLOPT_SSLKEY, tls.key.c_str());
  if (!tls.key_password.empty())
    curl_easy_setopt(curl, CURLOPT_KEYPASSWD, tls.key_password.c_str());
  if (!config_.user.empty()) {
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(curl, CURLOPT_USERNAME, config_.user.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, config_.password.c_str());
  }
}

HttpReply Connection::ask(const HttpRequest& request, const Stop& stop) const {
  HttpReply reply;
  for (size_t host = 0; host < config_.hosts.size(); host++) {
    Transfer transfer;
    transfer.stop_when(stop);
    transfer.begin(*this, host, request);
    reply = transfer.end(curl_easy_perform(transfer.curl()));
    if (reply.answered() || (stop && stop())) break;
  }
  return reply;
}

// ---- A request ----------------------------------------------------------------------------------

Connection::Transfer::Transfer() : curl_(curl_easy_init()) {
  if (!curl_) throw std::bad_alloc();
}

Connection::Transfer::~Transfer() {
  curl_slist_free_all(headers_);
  curl_easy_cleanup(curl_);
}

void Connection::Transfer::begin(const Connection& connection, size_t host, HttpRequest request) {
  const ConnectionConfig& config = connection.config_;
  request_ = std::move(request);
  piece_ = offset_ = 0;
  reply_.clear();
  error_[0] = 0;
  curl_slist_free_all(std::exchange(headers_, nullptr));
  curl_easy_reset(curl_);  // keeps connections
  connection.configure(curl_);
  curl_easy_setopt(curl_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(curl_, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(curl_, CURLOPT_URL, (config.hosts[host] + request_.path).c_str());
  const auto timeout = request_.timeout.count() ? request_.timeout : config.timeout;
  curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout.count()));
  curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, write);
  curl_easy_setopt(curl_, CURLOPT_WRITEDATA, this);
  if (stop_) {
    curl_easy_setopt(curl_, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl_, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(curl_, CURLOPT_XFERINFODATA, this);
  }
  const auto header = [&](const std::string& line) {
    headers_ = curl_slist_append(headers_, line.c_str());
  };
  header("Expect:");  // one round trip less; who wants no body of this size says so anyway
  if (!config.api_key.empty()) header("Authorization: ApiKey " + config.api_key);
  if (!config.bearer.empty()) header("Authorization: Bearer " + config.bearer);
  if (request_.content_type) {
    size_t bytes = 0;
    for (const std::string_view piece : request_.body) bytes += piece.size();
    header(std::string("Content-Type: ") + request_.content_type);
    if (request_.gzip) header("Content-Encoding: gzip");
    curl_easy_setopt(curl_, CURLOPT_POST, 1L);
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(bytes));
    curl_easy_setopt(curl_, CURLOPT_READFUNCTION, read);
    curl_easy_setopt(curl_, CURLOPT_READDATA, this);
    curl_easy_setopt(curl_, CURLOPT_SEEKFUNCTION, seek);
    curl_easy_setopt(curl_, CURLOPT_SEEKDATA, this);
  }
  if (request_.method == "HEAD")
    curl_easy_setopt(curl_, CURLOPT_NOBODY, 1L);
  else
    curl_easy_setopt(curl_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers_);
}

HttpReply Connection::Transfer::end(CURLcode code) {
  HttpReply reply;
  reply.code = code;
  curl_off_t retry_after = 0, sent = 0;
  curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &reply.status);
  curl_easy_getinfo(curl_, CURLINFO_RETRY_AFTER, &retry_after);
  curl_easy_getinfo(curl_, CURLINFO_SIZE_UPLOAD_T, &sent);
  reply.retry_after_ms = static_cast<uint64_t>(std::max<curl_off_t>(retry_after, 0)) * 1000;
  reply.sent_bytes = static_cast<uint64_t>(std::max<curl_off_t>(sent, 0));
  if (code != CURLE_OK) {
    long system = 0;
    curl_easy_getinfo(curl_, CURLINFO_OS_ERRNO, &system);
    reply.error = error_[0] ? error_ : curl_easy_strerror(code);
    if (code == CURLE_COULDNT_CONNECT && system != 0)
      reply.error += ": " + std::system_category().message(static_cast<int>(system));
  }
  reply.body = std::move(reply_);
  reply_.clear();
  return reply;
}

size_t Connection::Transfer::read(char* to, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::vector<std::string_view>& pieces = transfer.request_.body;
  size_t done = 0;
  for (const size_t most = size * count; done < most && transfer.piece_ < pieces.size();) {
    const std::string_view left = pieces[transfer.piece_].substr(transfer.offset_);
    const size_t part = std::min(left.size(), most - done);
    if (part > 0) std::memcpy(to + done, left.data(), part);
    done += part;
    transfer.offset_ += part;
    if (part < left.size()) break;
    transfer.piece_++;
    transfer.offset_ = 0;
  }
  return done;
}

// A connection that was kept and turned out to be dead: the body is sent again from its beginning.
int Connection::Transfer::seek(void* self, curl_off_t offset, int origin) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (origin != SEEK_SET || offset != 0) return CURL_SEEKFUNC_CANTSEEK;
  transfer.piece_ = transfer.offset_ = 0;
  return CURL_SEEKFUNC_OK;
}

size_t Connection::Transfer::write(char* from, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.reply_.size() + size * count > kMaxReply) return 0;
  transfer.reply_.append(from, size * count);
  return size * count;
}

int Connection::Transfer::progress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& transfer = *static_cast<Transfer*>(self);
  return transfer.stop_() ? 1 : 0;
}

}  // namespace nek
