# SPDX-License-Identifier: Apache-2.0
"""A proxy between nek and a server, for what servers cannot be made to do: connections that are reset
in the middle, answers that never come, that are cut, garbage, or of another count.

    with FaultProxy("http://127.0.0.1:9200") as proxy:
        proxy.faults = [reset_request(10_000), cut_reply(), None]   # of the next requests, in order
        ... proxy.url ...

A fault is a function of a Exchange; None lets a request through. After the list all go through."""

import http.client
import socket
import socketserver
import ssl
import struct
import threading
import urllib.parse


class Exchange:
    """One request: its head was read, its body may be read, and the connection be used in any way."""

    def __init__(self, proxy, connection, method, path, headers):
        self.proxy, self.connection = proxy, connection
        self.method, self.path, self.headers = method, path, headers
        self.length = int(headers.get("content-length", 0))
        self.reader = connection.reader

    def body(self, size=None):
        return self.reader.read(self.length if size is None else min(size, self.length))

    def forward(self, body=None):
        """(status, headers, body) of the server's answer."""
        body = self.body() if body is None else body
        server = http.client.HTTPConnection(self.proxy.host, self.proxy.port, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name not in ("host", "expect")}
            server.request(self.method, self.path, body if self.length else None, headers)
            reply = server.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            server.close()

    def answer(self, status, body=b"", headers=()):
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.connection.socket.sendall("\r\n".join(lines + ["", ""]).encode() + body)

    def reset(self):
        """As a server does that dies: RST, not FIN."""
        self.connection.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def reset_request(after):
    """Resets the connection when so many bytes of the body have come: the server got nothing."""
    def fault(exchange):
        exchange.body(after)
        exchange.reset()
    return fault


def reset_reply(exchange):
    """The server got all of it and answered, but the answer is lost."""
    exchange.forward()
    exchange.reset()


def black_hole(exchange):
    """Takes the request and never answers, until the proxy ends."""
    exchange.body()
    exchange.proxy.ended.wait()
    exchange.reset()


def cut_reply(exchange):
    """Half of the answer, then the end of the connection."""
    status, _, body = exchange.forward()
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    exchange.connection.socket.sendall(head + body[:len(body) // 2])
    exchange.connection.close()


def cut_json(exchange):
    """Half of the answer, as if it were all of it."""
    status, _, body = exchange.forward()
    exchange.answer(status, body[:len(body) // 2])


def garbage(exchange):
    exchange.forward()
    exchange.answer(200, b"<html><body>It works!</body></html>")


def no_http(exchange):
    exchange.forward()
    exchange.connection.socket.sendall(b"\x00\xff\x17 not HTTP at all\r\n\r\n")
    exchange.connection.close()


def one_item_less(exchange):
    status, _, body = exchange.forward()
    begin = body.index(b'{"create"')
    end = body.index(b"},{", begin)
    exchange.answer(status, body[:begin] + body[end + 2:])


def answer(status, body=b"{}", headers=()):
    """Without asking the server."""
    def fault(exchange):
        exchange.body()
        exchange.answer(status, body, headers)
    return fault


class Connection:
    def __init__(self, raw, sock):
        self.raw, self.socket = raw, sock
        self.reader = sock.makefile("rb")
        self.open = True

    def close(self):
        if self.open:
            self.open = False
            self.reader.close()
            self.socket.close()
            self.raw.close()


class FaultProxy:
    """`tls`: an ssl.SSLContext; `check`: called with the headers of each request, a status to refuse with."""

    def __init__(self, url, tls=None, check=None):
        address = urllib.parse.urlsplit(url)
        self.host, self.port = address.hostname, address.port
        self.tls, self.check = tls, check
        self.faults, self.requests = [], []
        self.lock, self.ended = threading.Lock(), threading.Event()
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                proxy.serve(self.request)

        class Listener(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

        self.listener = Listener(("127.0.0.1", 0), Handler)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.listener.server_address[1]}"
        threading.Thread(target=self.listener.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.ended.set()
        self.listener.shutdown()
        self.listener.server_close()

    def serve(self, raw):
        try:
            connection = Connection(raw, self.tls.wrap_socket(raw, server_side=True) if self.tls else raw)
        except (OSError, ssl.SSLError):
            return  # the client does not like our certificate
        try:
            while connection.open and self.serve_one(connection):
                pass
        except OSError:
            pass  # the client went away
        finally:
            connection.close()

    def serve_one(self, connection):
        line = connection.reader.readline()
        if not line:
            return False
        method, path, _ = line.decode().split()
        headers = http.client.parse_headers(connection.reader)
        exchange = Exchange(self, connection, method, path,
                            {name.lower(): value for name, value in headers.items()})
        with self.lock:
            is_bulk = path.startswith("/_bulk")
            fault = self.faults.pop(0) if is_bulk and self.faults else None
            if is_bulk:
                self.requests.append(exchange.length)
        refused = self.check(exchange.headers) if self.check else None
        if refused:
            fault = answer(refused, b'{"error":{"type":"security_exception","reason":"who are you?"}}')
        if fault:
            fault(exchange)
        else:
            status, headers, body = exchange.forward()
            exchange.answer(status, body)
        return connection.open
