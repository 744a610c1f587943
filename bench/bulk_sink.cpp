// SPDX-License-Identifier: Apache-2.0
// Answers _bulk requests at once, as a server does that took all documents: for measuring what
// sends them. One thread; PORT 0: any that is free. Prints its address; when stdin ends, what came.
//   bulk_sink [PORT]
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

uint64_t documents = 0, bytes = 0, requests = 0;

struct Connection {
  int fd;
  std::string head;
  size_t body_left = 0, lines = 0;
  bool in_body = false;
};

void answer(Connection& connection) {
  static std::string body, all;
  const size_t items = connection.lines / 2;
  body = R"({"errors":false,"items":[)";
  for (size_t i = 0; i < items; i++)
    body += i ? R"(,{"create":{"status":201}})" : R"({"create":{"status":201}})";
  body += "]}";
  all = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
  for (std::string_view left = all; !left.empty();) {
    const ssize_t sent = send(connection.fd, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    left.remove_prefix(static_cast<size_t>(sent));
  }
  documents += items;
  requests++;
  connection = {connection.fd, "", 0, 0, false};
}

size_t content_length(std::string head) {
  std::transform(head.begin(), head.end(), head.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  const size_t at = head.find("content-length: ");
  size_t length = 0;
  if (at != std::string::npos)
    std::from_chars(head.data() + at + 16, head.data() + head.size(), length);
  return length;
}

void take(Connection& connection, std::string_view data) {
  while (!data.empty() || (connection.in_body && connection.body_left == 0)) {
    if (connection.in_body) {
      const size_t part = std::min(data.size(), connection.body_left);
      connection.lines += static_cast<size_t>(std::count(data.data(), data.data() + part, '\n'));
      connection.body_left -= part;
      data.remove_prefix(part);
      if (connection.body_left == 0) answer(connection);
      continue;
    }
    connection.head += data;
    const size_t end = connection.head.find("\r\n\r\n");
    if (end == std::string::npos) return;
    const size_t behind = connection.head.size() - end - 4;
    data.remove_prefix(data.size() - behind);
    connection.body_left = content_length(connection.head.substr(0, end + 2));
    connection.in_body = true;
  }
}

}  // namespace

int main(int count, char** arguments) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(count > 1 ? std::atoi(arguments[1]) : 0));
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener, 64) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::perror("bulk_sink");
    return 1;
  }
  std::printf("http://127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  std::vector<pollfd> polled = {{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}};
  std::vector<Connection> connections;
  std::vector<char> buffer(size_t{1} << 20);
  for (;;) {
    if (poll(polled.data(), polled.size(), -1) < 0) break;
    if (polled[0].revents && read(STDIN_FILENO, buffer.data(), buffer.size()) <= 0) break;
    for (size_t i = 0; i < connections.size();) {
      const ssize_t got = polled[i + 2].revents
                              ? recv(connections[i].fd, buffer.data(), buffer.size(), MSG_DONTWAIT)
                              : -1;
      if (got > 0) {
        bytes += static_cast<uint64_t>(got);
        take(connections[i], {buffer.data(), static_cast<size_t>(got)});
      } else if (got == 0) {
        close(connections[i].fd);
        connections.erase(connections.begin() + static_cast<ptrdiff_t>(i));
        polled.erase(polled.begin() + static_cast<ptrdiff_t>(i) + 2);
        continue;
      }
      i++;
    }
    if (polled[1].revents) {
      const int fd = accept(listener, nullptr, nullptr);
      if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections.push_back({fd, "", 0, 0, false});
        polled.push_back({fd, POLLIN, 0});
      }
    }
  }
  std::printf("{\"documents\": %llu, \"bytes\": %llu, \"requests\": %llu}\n",
              static_cast<unsigned long long>(documents), static_cast<unsigned long long>(bytes),
              static_cast<unsigned long long>(requests));
}
