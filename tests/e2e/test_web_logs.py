"""Whatever becomes of a request: its query is in no log of the web server.

A query may hold a token (/connect?token=), a ticket or names of users. Each
request here carries a word that must not be found afterwards, and is cut off,
malformed or refused in another place of the web server.
"""
import os
import socket
import struct
import threading

from harness import E2eTest, WEB, new_stack, wait_for

CANARY = "canary"
TARGETS = (
    "/connect?token={}", "/ws?ticket={}", "/connect?a=b&token={}",
    "/api/presence?users=urn:sm:user:{}", "/messages?users={}",
    "/api/send?token={}", "/send/batch?token={}", "/api/ticket?token={}",
    "/api?token={}", "/api/?users={}", "/api/nope?users={}",
    "/healthz?token={}", "/readyz?token={}",
    "/api/waypost-plain/presence?users={}",
    # The same places by other names.
    "/%63onnect?token={}", "//connect?token={}", "/./connect?%74oken={}",
    "/api//presence?users={}", "/%61pi/presence?users={}",
)
# The same places as they should be asked for, with nothing to hide.
PATHS = ("/api/send", "/api/send/batch", "/api/messages", "/api/messages/ack",
         "/api/presence", "/api/ticket", "/send", "/send/batch", "/messages",
         "/messages/ack", "/healthz")
# Nobody's, but a client may well get a path wrong.
OTHERS = (
    "/connect/?token={}", "/CONNECT?token={}", "/connectx?token={}",
    "/?token={}", "/nope?token={}", "/waypost-error?token={}",
    "/waypost-upstream-error?token={}",
)
ENCODED = ("/connect%3Ftoken={}", "/connect%3ftoken={}",
           "/api/presence%3Fusers={}")
if WEB == "nginx":  # lighttpd can log a path as it came, or not at all
    OTHERS += ENCODED
SHORT_TIMEOUTS = {
    "nginx": [("client_header_timeout 15s", "client_header_timeout 1s"),
              # As a host may have it: what its own log would show.
              ("nginx.log warn", "nginx.log info")],
    "lighttpd": [("server.max-read-idle = 15", "server.max-read-idle = 1")],
}


class Logs(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack(web_edits=SHORT_TIMEOUTS[WEB])

    def setUp(self):
        self.count = 0

    def target(self, form):
        self.count += 1
        return form.format(f"{CANARY}{self.count}")

    def peer(self, data):
        peer = socket.create_connection(("127.0.0.1", self.stack.port), 30)
        try:
            peer.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all was said
        return peer

    def exchange(self, requests):
        """All at once; wait until each is answered, or closed."""
        peers = [self.peer(request) for request in requests]
        for peer in peers:
            try:
                peer.recv(4096)
            except ConnectionResetError:
                pass
            peer.close()

    def read(self, name):
        path = self.stack.path("log", name)
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def assert_silent(self, *expected):
        """No log has the word, though the access log has what it should."""
        for line in expected if WEB == "nginx" else ():
            wait_for(lambda line=line: line in self.read("access.log"), line)
        marker = f"/marker-{self.id()}"
        self.stack.http().request("GET", marker)
        self.stack.programs["web"].stop()  # lighttpd writes its log late
        access, errors = self.read("access.log"), self.read(f"{WEB}.log")
        self.stack.restart("web")
        self.assertTrue(marker in access, access[-2000:])
        for text in (access, errors, self.read("web.log")):
            lines = [line for line in text.splitlines()
                     if CANARY in line.lower()]
            self.assertEqual(lines[:3], [], f"{len(lines)} lines")
        return errors

    def test_heads_that_never_end(self):
        def begin(form):
            target = self.target(form).encode()
            return (b"GET " + target, b"GET " + target + b" HTTP/1.1\r\n",
                    b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n",
                    b"GET http://x" + target + b" HTTP/1.1\r\nX: y")
        waiting = []
        for form in TARGETS + OTHERS:
            for head in begin(form):
                self.peer(head).close()
                reset = self.peer(head)
                reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
                reset.close()
                half = self.peer(head)
                half.shutdown(socket.SHUT_WR)
                waiting += [half, self.peer(head)]
        for peer in waiting:  # until the web server gives up
            try:
                while peer.recv(4096):
                    pass
            except ConnectionResetError:
                pass
            peer.close()

        self.assert_silent('"GET /connect HTTP/1.1" 400',
                           '"GET /connect HTTP/1.1" 408',
                           '"GET /api/presence HTTP/1.1" 408')

    def test_requests_that_are_refused_before_they_have_a_place(self):
        def requests(form):
            target = self.target(form).encode()
            host = b"\r\nHost: x\r\nConnection: close\r\n"
            for method in (b"TRACE", b"CONNECT", b"BREW", b"get", b"G\0T"):
                yield method + b" " + target + b" HTTP/1.1" + host + b"\r\n"
            get = b"GET " + target
            yield b"TRACE http://u:p@x" + target + b" HTTP/1.1" + host + b"\r\n"
            yield b"CONNECT x" + target + b" HTTP/1.1" + host + b"\r\n"
            yield get + b"\r\n"  # HTTP/0.9
            yield get + b" HTTP/9.9" + host + b"\r\n"
            yield get + b" HTTP/1.1 x" + host + b"\r\n"
            yield get + b" HTTP/1.1\r\nConnection: close\r\n\r\n"
            yield get + b" HTTP/1.1" + host + b"Host: y\r\n\r\n"
            yield get + b" HTTP/1.1" + host + b"Content-Length: x\r\n\r\n"
            yield get + b" HTTP/1.1" + host + b"no colon\r\n\r\n"
            yield get + b" HTTP/1.1" + host + b"A: \0\r\n\r\n"
            yield (get + b" HTTP/1.1" + host +
                   b"Transfer-Encoding: gzip\r\n\r\n")
            yield (get + b" HTTP/1.1" + host +
                   b"A: " + b"x" * 20000 + b"\r\n\r\n")
            yield (get + b" HTTP/1.1" + host +
                   b"".join(b"A%d: %s\r\n" % (i, b"x" * 9000)
                            for i in range(9)) + b"\r\n")
            yield get + b"x" * 70000 + b" HTTP/1.1" + host + b"\r\n"
        self.exchange(request for form in TARGETS + OTHERS
                      for request in requests(form))

        self.assert_silent('"TRACE /connect HTTP/1.1" 405',
                           '"CONNECT /connect HTTP/1.1" 405',
                           '"GET /connect HTTP/1.1" 400')

    def send_all(self, length=0):
        self.exchange(
            b"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % (
                method, self.target(form).encode(), length)
            for form in TARGETS for method in (b"GET", b"POST"))
        # A page of the same host tells its whole URL.
        self.exchange(
            b"POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Referer: https://x%s\r\nContent-Length: %d\r\n\r\n" % (
                path, self.target("/?token={}").encode(), length)
            for path in (b"/api/send", b"/send", b"/messages/ack",
                         b"/api/nope", b"/connect", b"/api", b"/readyz"))

    def test_bodies_that_are_too_large_or_never_come(self):
        self.send_all(length=50 << 20)
        for form in TARGETS:
            self.peer(b"POST " + self.target(form).encode() +
                      b" HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"
                      ).close()

        self.assert_silent('"POST /messages HTTP/1.1" 413')

    def test_services_that_are_down(self):
        for name in ("handlers", "websocket-0"):
            self.stack.kill(name)
        self.send_all()
        gone = self.stack.http().request("POST", "/api/send")
        for path in PATHS:
            self.stack.http().request("GET", path)
        for name in ("handlers", "websocket-0"):
            self.stack.restart(name)

        errors = self.assert_silent()
        self.assert_error(gone, 503, "overloaded")
        # Where the URL cannot hold anything, the reason is for the operator.
        self.assertIn("handlers.sock", errors)
        for path in PATHS if WEB == "nginx" else ():
            self.assertRegex(errors, f'handlers.sock failed .*"GET {path} ')

    def test_services_that_answer_nonsense(self):
        paths = {}
        for name in ("handlers", "websocket-0"):
            self.stack.kill(name)
            paths[name] = self.stack.socket_path(name + ".sock")
        listeners = [serve_on(path, b"\xff\xfenonsense\0\r\n\r\n" * 10)
                     for path in paths.values()]
        try:
            self.send_all()
            answer = self.stack.http().request("POST", "/api/send")
        finally:
            for listener in listeners:
                listener.close()
        for name, path in paths.items():
            os.unlink(path)
            self.stack.restart(name)

        self.assert_silent()
        self.assert_error(answer, 502, "bad_gateway")


def serve_on(path, speech):
    """A service that reads and then says this, or nothing and waits."""
    os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(100)

    def serve():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                try:
                    while peer.recv(65536) and speech is None:
                        pass
                    peer.sendall(speech or b"")
                except OSError:
                    pass
    threading.Thread(target=serve, daemon=True).start()
    return listener
