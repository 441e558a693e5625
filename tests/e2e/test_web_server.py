"""What a web server adds by itself, and where the two differ."""
import http.client
import os
import resource
import select
import signal
import socket
import unittest

from devkit.http import Response, raw_exchange, statuses
from devkit.websocket import encode_frame
from harness import (ALLOWED_ORIGIN, E2eTest, WEB, new_stack, scratch,
                     wait_for)
from test_headers import METHODS
from test_web_logs import serve_on

# As docs/openapi.yaml has it: what is sent, nginx, lighttpd.
DIFFERENCES = {
    "`Idempotency-Key:` with nothing behind it": ("400", "as without it"),
    "a POST with neither `Content-Length` nor a chunked body":
        ("400, but `/api/ticket` takes it", "411"),
    "a method that HTTP does not know": ("405", "400"),
    "TRACE or CONNECT of an unknown path below `/api`": ("405", "404"),
    "a URL that is too long": ("414", "431"),
    "more at once than the programs' sockets queue":
        ("503 `overloaded`", "502"),
}


def shorten(stack, for_nginx, for_lighttpd):
    """Change a time that stands in the snippet, (old, new)."""
    old, new = for_nginx if WEB == "nginx" else for_lighttpd
    path = stack.path("waypost.conf")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert old in text, old
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))
    stack.restart("web")


class Http2WebSocket:
    """As much of HTTP/2 as one socket over a connection without TLS takes."""

    def __init__(self, port, path):
        self._peer = socket.create_connection(("127.0.0.1", port), 60)
        self._said = b""
        head = b"".join(map(self._field, (
            (":method", "CONNECT"), (":protocol", "websocket"),
            (":scheme", "http"), (":path", path), (":authority", "x"),
            ("sec-websocket-version", "13"))))
        self._peer.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
                           self._frame(4, 0, 0, b"") +
                           self._frame(1, 4, 1, head))

    @staticmethod
    def _frame(kind, flags, stream, payload):
        return (len(payload).to_bytes(3, "big") + bytes((kind, flags)) +
                stream.to_bytes(4, "big") + payload)

    @staticmethod
    def _field(pair):
        """A literal that is not indexed: RFC 7541 section 6.2.2."""
        field = b"\0"
        for text in pair:
            field += bytes((min(len(text), 127),))
            rest = len(text) - 127
            while rest >= 128:
                field += bytes((rest % 128 + 128,))
                rest //= 128
            field += bytes((rest,)) if rest >= 0 else b""
            field += text.encode()
        return field

    def send(self, data):
        self._peer.sendall(self._frame(0, 0, 1, data))

    def wait_for(self, data):
        while data not in self._said:
            some = self._peer.recv(65536)
            assert some, self._said
            self._said += some

    def read_some(self):
        """What has come already, so that the peer can go on writing."""
        while select.select([self._peer], [], [], 0)[0]:
            some = self._peer.recv(65536)
            if not some:
                break
            self._said += some

    def has_ended(self):
        """Was the stream reset?"""
        self.read_some()
        return b"\0\0\4\3\0\0\0\0\1" in self._said

    def close(self):
        self._peer.close()


class WebServer(E2eTest):
    def send(self, data, source="127.0.0.1"):
        """The answer to these bytes; the connection is not waited for."""
        with socket.create_connection(("127.0.0.1", self.stack.port), 60,
                                      source_address=(source, 0)) as peer:
            peer.sendall(data)
            answer = http.client.HTTPResponse(peer)
            answer.begin()
            return Response(answer.status, answer.getheaders(), answer.read())

    def raw(self, line, body=b"", **headers):
        lines = [line + " HTTP/1.1", "Host: x", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}"
                  for name, value in headers.items()]
        return self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def differs(self, what):
        """What this web server does, as documented."""
        with open(os.path.join(os.path.dirname(__file__), "..", "..", "docs",
                               "openapi.yaml"), encoding="utf-8") as file:
            self.assertIn("| " + " | ".join((what, *DIFFERENCES[what])) + " |",
                          file.read())
        return DIFFERENCES[what][WEB == "lighttpd"]


class Refusals(WebServer):
    def test_methods_that_web_servers_look_at(self):
        of_daemon = {"/connect": ["GET"], "/ws": ["GET"]}
        for path, right in {**METHODS, **of_daemon}.items():
            for method in ("TRACE", "CONNECT"):
                with self.subTest(f"{method} {path}"):
                    answer = self.raw(f"{method} {path}?token=x")
                    self.assert_error(answer, 405, "method_not_allowed")
                    allowed = set(answer.header("Allow").split(", "))
                    self.assertEqual(allowed - {"OPTIONS"}, set(right))
        status = self.differs(
            "TRACE or CONNECT of an unknown path below `/api`")
        self.assert_error(self.raw("TRACE /api/nope"), int(status))

    def test_made_up_method(self):
        status = int(self.differs("a method that HTTP does not know"))
        for path in ("/api/send", "/messages", "/connect"):
            self.assert_error(self.raw("BREW " + path), status)

    def test_api_without_its_slash_is_nothing(self):
        for method in ("GET", "POST"):
            for path in ("/api", "/api?a=b"):
                answer = self.raw(f"{method} {path}", Content_Length=0)
                self.assert_error(answer, 404, "not_found")

    def test_whatever_is_wrong_with_a_head(self):
        heads = (b"NONSENSE\r\n", b"GET / HTTP/9.9\r\nHost: x\r\n",
                 b"GET /api/messages HTTP/1.1\r\n",
                 b"GET /api/messages HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
                 b"GET /api/messages HTTP/1.1 x\r\nHost: a\r\n",
                 b"GET messages HTTP/1.1\r\nHost: a\r\n",
                 b"GET /api/messages HTTP/1.1\r\nHost: a b\r\n",
                 b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n",
                 b"POST /api/send HTTP/1.1\r\nHost: x\r\n"
                 b"Transfer-Encoding: gzip\r\n",
                 b"POST /api/send HTTP/1.1\r\nHost: x\r\n"
                 b"Content-Length: -1\r\n")
        for head in heads:
            with self.subTest(head):
                self.assert_error(
                    self.send(head + b"Connection: close\r\n\r\n"),
                    400, "bad_request")
        self.assert_error(self.raw("GET /api/messages?" + "x" * 60000), int(
            self.differs("a URL that is too long")))

    def test_large_batch_by_its_short_name(self):
        bob = self.user()
        answer = bob.call("POST", "/send/batch", b"[" + b" " * (3 << 20))
        self.assert_error(answer, 400, "invalid_json")
        answer = bob.call("POST", "/send/batch", b" " * (5 << 20))
        self.assert_error(answer, 413, "payload_too_large")

    def test_upgrade_takes_no_body(self):
        """Behind an upgrade there is no limit, so nothing may be kept."""
        for path in ("/connect", "/ws"):
            for answer in (
                    self.raw("POST " + path, Content_Length=99999999999),
                    self.raw("POST " + path, b"0\r\n\r\n",
                             Transfer_Encoding="chunked")):
                self.assertIn(answer.status, (405, 413))
                self.assert_error(answer, answer.status)

    def test_upgrade_of_http_2(self):
        """Browsers that speak HTTP/2 upgrade that way (RFC 8441)."""
        if WEB == "nginx":
            self.skipTest("nginx knows no such upgrade, and offers none")
        for path in ("/connect", "/ws"):
            peer = Http2WebSocket(self.stack.port, path + "?token=" +
                                  self.stack.token("bob"))
            self.addCleanup(peer.close)
            peer.wait_for(b'"type":"connected"')
            peer.send(encode_frame(9, b"are you there"))
            peer.wait_for(b"\x8a\x0dare you there")

    def test_socket_over_http_2_fills_no_disk(self):
        """lighttpd keeps what the daemon does not take yet."""
        if WEB == "nginx":
            self.skipTest("nginx knows no such upgrade, and offers none")
        limit = 65536 << 10
        most = limit + (4 << 20)
        peer = Http2WebSocket(self.stack.port, "/connect?token=" +
                              self.stack.token("bob"))
        self.addCleanup(peer.close)
        peer.wait_for(b'"type":"connected"')
        daemon = self.stack.programs["websocket-0"]
        daemon.signal(signal.SIGSTOP)
        self.addCleanup(daemon.signal, signal.SIGCONT)
        block = encode_frame(9, b"x" * 100) * 150
        for _ in range(limit * 5 // 4 // len(block)):
            peer.send(block)
            peer.read_some()
        wait_for(lambda: self.kept() > most or peer.has_ended(), "an end")
        self.assertLess(self.kept(), most)

    def kept(self):
        """Bytes in temporary files of the web server."""
        folder = self.stack.path("tmp")
        return sum(os.stat(os.path.join(folder, name)).st_size
                   for name in os.listdir(folder))

    def test_probes_are_for_this_host(self):
        for path in ("/readyz", "/readyz?a=b"):
            answer = self.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"
                               .encode(), "127.0.0.2")
            self.assert_error(answer, 403, "forbidden")


class Origins(WebServer):
    def readable(self, answer, *allowed):
        self.assertIn(answer.header("Access-Control-Allow-Origin"), allowed,
                      answer)
        self.assertIn("Retry-After",
                      answer.header("Access-Control-Expose-Headers"))
        self.assertEqual(answer.header("Access-Control-Allow-Credentials"),
                         "true" if len(allowed) == 1 else
                         answer.header("Access-Control-Allow-Credentials"))

    def assert_vary(self, answer):
        self.assertEqual(answer.header_all("Vary"), ["Origin"], answer)

    def test_listed_origin_reads_errors_of_the_web_server(self):
        for head, headers, status in (
                ("POST /api/send", {"Content_Length": 9999999}, 413),
                ("POST /send", {"Content_Length": 9999999}, 413),
                ("GET /api", {}, 404), ("TRACE /api/messages", {}, 405),
                ("TRACE /api/send", {}, 405)):
            for origin in (ALLOWED_ORIGIN, "https://evil.example", "null",
                           ALLOWED_ORIGIN.upper(), ALLOWED_ORIGIN + ".evil",
                           "x" + ALLOWED_ORIGIN, "https://appxexample", None):
                with self.subTest(f"{head} {origin}"):
                    answer = self.raw(head, **headers, **(
                        {"Origin": origin} if origin else {}))
                    self.assert_error(answer, status)
                    self.assert_vary(answer)
                    if origin in (ALLOWED_ORIGIN, ALLOWED_ORIGIN.upper()):
                        self.readable(answer, origin)
                        continue
                    self.assertEqual(
                        [name for name, _ in answer.headers
                         if name.startswith("Access-Control")], [])

    def test_head_that_was_refused_before_its_origin_was_read(self):
        for head, headers in (
                ("GET /api/messages?" + "x" * 60000, {}),
                ("GET /api/messages", {"X_Long": "x" * 60000}),
                ("NONSENSE", {})):
            answer = self.raw(head, **headers, Origin=ALLOWED_ORIGIN)
            self.assert_error(answer, answer.status)
            self.assert_vary(answer)
            self.readable(answer, ALLOWED_ORIGIN, "*")

    def test_listed_origin_reads_that_a_service_is_down(self):
        """And when to come back."""
        self.stack.kill("handlers")
        os.unlink(self.stack.socket_path("handlers.sock"))
        try:
            answer = self.raw("POST /api/send", Origin=ALLOWED_ORIGIN,
                              Content_Length=0)
            other = self.raw("POST /api/send", Origin="https://evil.example",
                             Content_Length=0)
        finally:
            self.stack.restart("handlers")
        self.assert_error(answer, 503, "overloaded")
        self.readable(answer, ALLOWED_ORIGIN)
        self.assert_vary(answer)
        self.assertIsNone(other.header("Access-Control-Allow-Origin"))
        self.stack.wait_ready()


class Silence(WebServer):
    """A program that takes a request and says nothing of use, or nothing."""

    @classmethod
    def make_stack(cls):
        return new_stack({"cors": {"allowed_origins": [ALLOWED_ORIGIN]}})

    def ask(self, speech):
        """What a browser gets while something else serves the socket."""
        path = self.stack.socket_path("handlers.sock")
        self.stack.kill("handlers")
        listener = serve_on(path, speech)
        try:
            return self.raw("POST /api/send", Origin=ALLOWED_ORIGIN,
                            Content_Length=0)
        finally:
            listener.close()
            os.unlink(path)
            self.stack.restart("handlers")
            self.stack.wait_ready()

    def assert_unknown(self, answer, status, code):
        self.assert_error(answer, status, code)
        self.assertIn("outcome is unknown", answer.json()["error"])
        self.assertRegex(answer.header("Retry-After", ""), "^[12]$")
        self.assertEqual(answer.header("Access-Control-Allow-Origin"),
                         ALLOWED_ORIGIN)
        self.assertEqual(answer.header_all("Vary"), ["Origin"], answer)

    def test_nonsense_and_a_cut_are_an_unknown_outcome(self):
        for speech in (b"\xff\xfenonsense\0\r\n\r\n", b""):
            self.assert_unknown(self.ask(speech), 502, "bad_gateway")

    def test_silence_is_an_unknown_outcome(self):
        """The time that an answer may take is shortened here."""
        shorten(self.stack, ("fastcgi_read_timeout 30s",
                             "fastcgi_read_timeout 1s"),
                ('"read-timeout" => 30', '"read-timeout" => 1'))
        self.assert_unknown(self.ask(None), 504, "gateway_timeout")


class AnyOrigin(WebServer):
    @classmethod
    def make_stack(cls):
        return new_stack({"cors": {"allowed_origins": ["*"],
                                   "allow_credentials": False}})

    def test_star_allows_any_origin_but_null(self):
        for origin, allowed in (("https://a.example", True), ("null", False)):
            answer = self.raw("POST /api/send", Origin=origin,
                              Content_Length=9999999)
            self.assert_error(answer, 413)
            self.assertEqual(answer.header("Access-Control-Allow-Origin"),
                             origin if allowed else None)
            self.assertIsNone(
                answer.header("Access-Control-Allow-Credentials"))


class Pages(WebServer):
    def test_no_part_and_no_version_of_an_answer(self):
        bob = self.user()
        self.assert_accepted(bob.send(bob, b"x" * 3000))
        self.messages(bob, 1)
        whole = bob.pull().body
        for name, value in (
                ("Range", "bytes=0-4"), ("Range", "bytes=99999-"),
                ("Range", "bytes=0-1,3-4"), ("Range", "bytes=-1"),
                ("If-None-Match", "*"), ("If-Match", '"x"'),
                ("If-Modified-Since", "Mon, 01 Jan 2035 00:00:00 GMT"),
                ("If-Unmodified-Since", "Mon, 01 Jan 1990 00:00:00 GMT"),
                ("Accept-Encoding", "gzip, deflate, br"),
                ("TE", "trailers"), ("Accept", "text/html")):
            with self.subTest(f"{name}: {value}"):
                answer = bob.call("GET", "/api/messages", None,
                                  [(name, value)])
                self.assert_status(answer, 200)
                self.assertEqual(answer.body, whole)
                for header in ("Content-Range", "Content-Encoding", "ETag"):
                    self.assertIsNone(answer.header(header))
                self.assert_error(bob.call("GET", "/api", None,
                                           [(name, value)]), 404)


class Names(WebServer):
    """Headers are what the client called them."""

    def send_two(self, headers):
        """Two envelopes with these headers; the two statuses."""
        bob = self.user()
        return [bob.send(bob, text, headers).status for text in (b"a", b"b")]

    def test_headers_that_only_look_alike(self):
        for name in ("Idempotency_Key", "Idempotency.Key", "Idempotency~Key",
                     "Idempotency'Key", "idempotency_key", "Idempotency!Key",
                     "Idempotency|Key"):
            with self.subTest(name):
                self.assertEqual(self.send_two({name: "same"}), [202, 202])
        for name in ("X.Request.Id", "X_Request_Id", "X~Request-Id"):
            answer = self.stack.http().request("GET", "/healthz",
                                               headers={name: "mine"})
            self.assertNotEqual(answer.header("X-Request-Id"), "mine")
        for name in ("X_Authorization", "~Authorization"):
            answer = self.stack.http().request(
                "GET", "/api/messages",
                headers={name: "Bearer " + self.stack.token("bob")})
            self.assert_error(answer, 401)

    def test_headers_that_look_alike_do_not_disturb_the_real_one(self):
        for name in ("Idempotency_Key", "Idempotency.Key"):
            self.assertEqual(self.send_two(
                [(name, "other"), ("Idempotency-Key", "mine")]), [202, 409])
        bob = self.user()
        for name in ("Content_Type", "Content.Type", "Authorization_",
                     "Content.Length", "Transfer_Encoding"):
            self.assert_accepted(bob.send(bob, b"x", {name: "1"}))

    def test_key_given_twice(self):
        for keys in (("k1", "k2"), ("k1", "k1"), ("k1", "k2", "k3")):
            self.assertEqual(self.send_two(
                [("Idempotency-Key", key) for key in keys]), [400, 400])
        self.assertEqual(self.send_two({"Idempotency-Key": "k1, k2"}),
                         [400, 400])
        self.assertEqual(self.send_two({"Idempotency-Key": "k1,k2"}),
                         [202, 409])

    def test_type_given_twice(self):
        body = b'{"recipientId":"bob","encryptedData":"aGk="}'
        token = "Bearer " + self.stack.token("bob")
        # A later nginx joins them before we see that they are two.
        refused = {400, 415} if WEB == "nginx" else {400}
        for types, statuses in (
                (("text/plain", "application/json"), refused),
                (("application/json", "text/plain"), refused),
                (("application/json", "application/json"), {202})):
            answer = self.stack.http().request(
                "POST", "/api/send", body, [("Authorization", token)] +
                [("Content-Type", kind) for kind in types])
            self.assertIn(answer.status, statuses)

    def test_empty_key(self):
        refused = self.differs("`Idempotency-Key:` with nothing behind it")
        self.assertEqual(self.send_two({"Idempotency-Key": ""}),
                         [400, 400] if refused == "400" else [202, 202])

    def test_post_without_a_length(self):
        lacks = self.differs(
            "a POST with neither `Content-Length` nor a chunked body")
        token = "Bearer " + self.stack.token("bob")
        ticket = self.raw("POST /api/ticket", Authorization=token)
        send = self.raw("POST /api/send", Authorization=token,
                        **{"Content-Type": "application/json"})
        if lacks == "411":
            self.assert_error(ticket, 411, "length_required")
            self.assert_error(send, 411, "length_required")
        else:
            self.assert_status(ticket, 201)
            self.assert_error(send, 400, "bad_request")


# What an operator's http block may say of all its servers.
OF_OTHERS = """server_tokens off;
	fastcgi_cache_path {folder} keys_zone=z:1m;
	fastcgi_cache z;
	fastcgi_cache_key "$request_uri";
	fastcgi_cache_valid 200 1m;
	fastcgi_ignore_headers Cache-Control Expires Vary;
	fastcgi_intercept_errors on;
	large_client_header_buffers 2 1k;
	client_header_buffer_size 512;
	underscores_in_headers on;"""


@unittest.skipIf(WEB == "lighttpd", "nginx has what servers inherit")
class BesideOthers(WebServer):
    @classmethod
    def make_stack(cls):
        return new_stack(web_edits=[
            ("server_tokens off;", OF_OTHERS.format(folder=scratch()))])

    def test_no_cache_keeps_a_mailbox(self):
        alice, bob = self.user(), self.user()
        sent = [self.assert_accepted(alice.send(user)) for user in (bob, alice)]
        for _ in range(2):
            for user, id in zip((bob, alice), sent):
                self.assertEqual(self.message_ids(user, 1), [id])
        self.assert_status(bob.ack(sent[:1]), 204)
        self.assert_nothing_waits(bob)


@unittest.skipIf(WEB == "lighttpd", "nginx has a snippet of its own for it")
class WithoutTheStrictSnippet(WebServer):
    @classmethod
    def make_stack(cls):
        return new_stack(web_edits=[("/waypost-strict.conf;",
                                     "/waypost-none*.conf;")])

    def test_what_never_got_to_us_is_the_answer_of_the_site(self):
        for request, status in ((b"NONSENSE\r\n\r\n", 400),
                                (b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n"
                                 b"Host: x\r\n\r\n", 414),
                                (b"TRACE / HTTP/1.1\r\nHost: x\r\n"
                                 b"Connection: close\r\n\r\n", 405)):
            data, _ = raw_exchange(self.stack.port, request)
            self.assertIn(b"<html>", data)
            self.assertNotIn(b"X-Request-Id", data)
            self.assertIn(status, statuses(data) or [400])

    def test_what_goes_wrong_with_us_is_ours(self):
        huge = self.stack.http().request(
            "POST", "/api/send", b"x" * (5 << 20),
            {"Content-Type": "application/json"})
        self.assert_error(huge, 413)
        self.assert_error(self.stack.http().request("GET", "/api"), 404)
        self.stack.kill("handlers")
        self.assert_error(self.stack.http().request("GET", "/healthz"), 503)
        # Longer than what nginx takes where nobody says otherwise: it would
        # be 413, and never sent again.
        self.assert_error(self.stack.http().request(
            "POST", "/api/send", b"x" * (2 << 20),
            {"Content-Type": "application/json"}), 503)
        self.stack.restart("handlers")


class Slow(WebServer):
    @classmethod
    def make_stack(cls):
        return new_stack(web_edits=[
            ("client_header_timeout 15s", "client_header_timeout 1s")
            if WEB == "nginx" else
            ("server.max-read-idle = 15", "server.max-read-idle = 1")])

    def test_request_that_does_not_arrive_is_closed_without_an_answer(self):
        """The time for a body is shortened here."""
        shorten(self.stack, ("client_body_timeout 20s",
                             "client_body_timeout 1s"),
                ("server.max-read-idle = 20", "server.max-read-idle = 1"))

        head = b"POST /api/send HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n"
        for begun in (b"POST /api", head, head + b"\r\n", head + b"\r\nx"):
            self.assertEqual(
                raw_exchange(self.stack.port, begun, timeout_s=60),
                (b"", True))


class Crowd(WebServer):
    """The accept queue of a unix socket does not wait when it is full."""

    SIZE = 1500  # 1,024 was too few

    @classmethod
    def make_stack(cls):
        return new_stack()

    def test_crowd_at_one_moment_is_answered(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 8 * self.SIZE:
            self.skipTest("too few descriptors are allowed here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE,
                        (soft, hard))
        head = (b"GET /api/messages HTTP/1.1\r\nHost: x\r\nConnection: close"
                b"\r\nAuthorization: Bearer " +
                self.stack.token("bob").encode() + b"\r\n\r\n")
        pids = self.processes()
        peers = []
        for pid in pids:  # so that all wait at one moment
            self.freeze(pid)
        for _ in range(self.SIZE):
            peer = socket.create_connection(
                ("127.0.0.1", self.stack.port), 60)
            self.addCleanup(peer.close)
            peer.sendall(head)
            peers.append(peer)
        wait_for(lambda: self.queued() >= self.SIZE, "all wait")
        for pid in pids:
            self.thaw(pid)
        answers = [statuses(peer.recv(65536)) for peer in peers]
        self.assertEqual(answers, [[200]] * self.SIZE)

    def processes(self):
        """Of the handlers, the parent first."""
        parent = self.stack.programs["handlers"].pid
        with open(f"/proc/{parent}/task/{parent}/children",
                  encoding="ascii") as file:
            return [parent] + [int(word) for word in file.read().split()]

    def queued(self):
        """How many connections the handlers' socket has, queued or not."""
        path = self.stack.socket_path("handlers.sock")
        with open("/proc/net/unix", encoding="ascii") as file:
            return sum(line.rstrip().endswith(path) for line in file) - 1

    def test_what_finds_the_queue_full_is_told(self):
        self.stack.kill("handlers")
        path = self.stack.socket_path("handlers.sock")
        os.unlink(path)
        with socket.socket(socket.AF_UNIX) as full, \
                socket.socket(socket.AF_UNIX) as first:
            full.bind(path)
            full.listen(0)
            first.connect(path)  # nobody accepts it
            answer = self.stack.http().request("POST", "/api/send")
        os.unlink(path)
        self.stack.restart("handlers")
        self.stack.wait_ready()

        said = self.differs("more at once than the programs' sockets queue")
        self.assert_error(answer, int(said[:3]))
        self.assertRegex(answer.header("Retry-After", ""), "^[12]$")
        if "overloaded" in said:
            self.assertEqual(answer.json()["code"], "overloaded")
