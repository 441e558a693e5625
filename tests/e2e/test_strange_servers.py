"""Whatever answers at the door, who looks there ends, and says what it met."""
import base64
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import threading
import unittest

from devkit.stack import free_port, port_is_free
from harness import SLOWNESS, E2eTest, new_stack, scratch, wait_for

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONNECTED = {"type": "connected", "user": "urn:sm:canary:x"}


def frame(text, opcode=1):
    """One of a server (RFC 6455 section 5.2)."""
    data = text.encode("utf-8")
    assert len(data) < 126
    return bytes((0x80 | opcode, len(data))) + data


class Strange(E2eTest):

    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {"heartbeat_ms": 500,
                                        "grace_ms": 100}})

    def door(self, answer, frames=()):
        """A web server: answer(request) is a status and a body, frames are
        written to who upgrades, the last one until he is gone. Its URL."""
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def upgrade(self):
                key = self.headers["Sec-WebSocket-Key"] + GUID
                accept = hashlib.sha1(key.encode("ascii")).digest()
                self.send_response(101)
                self.send_header("Sec-WebSocket-Accept",
                                 base64.b64encode(accept).decode("ascii"))
                self.end_headers()
                for one in frames:
                    self.wfile.write(one)
                while frames:
                    self.wfile.write(frames[-1])

            def do(self):
                length = int(self.headers.get("Content-Length", "0"))
                while length > 0:
                    length -= len(self.rfile.read(min(length, 65536)))
                if frames and "Upgrade" in self.headers:
                    self.close_connection = True
                    self.upgrade()
                    return
                status, body = answer(self)
                body = body.encode("utf-8")
                self.send_response(status)
                if status != 204:
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # who asks may go early
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def run_waypost(self, url, *words):
        return subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), *words],
            env={**self.stack.base_env, "JWT_SECRET": self.stack.jwt_secret,
                 "STORE_SECRET": self.stack.store_secret,
                 "WAYPOST_PUBLIC_URL": url},
            capture_output=True, text=True, timeout=60 * SLOWNESS,
            check=False)

    def look(self, url, *words):
        """{id: [(result, text)]}"""
        done = self.run_waypost(url, "doctor", "--json", *words)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        rows = {}
        for row in json.loads(done.stdout)["checks"]:
            rows.setdefault(row["id"], []).append((row["result"],
                                                   row["text"]))
        return rows

    @unittest.skipIf(shutil.which("lighttpd") is None or os.getuid() != 0,
                     "there is no lighttpd, or others' files are not seen")
    def test_a_log_that_is_gathered(self):
        folder = scratch()
        port = free_port()
        with open(os.path.join(folder, "conf"), "w", encoding="ascii") as file:
            file.write(f"""server.modules = ("mod_accesslog")
                server.document-root = "{folder}"
                server.bind = "127.0.0.1"
                server.port = {port}
                server.errorlog = "{folder}/error.log"
                accesslog.filename = "{folder}/access.log"\n""")
        server = subprocess.Popen(["lighttpd", "-D", "-f",
                                   os.path.join(folder, "conf")],
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        wait_for(lambda: not port_is_free(port), "lighttpd")
        for _ in range(3):
            rows = self.look(f"http://127.0.0.1:{port}")
            self.assertEqual(rows["web-log"], [
                ("fail", "the web server writes tokens into "
                 f"{folder}/access.log")])

    def test_frames_of_no_type(self):
        for one in ('{"type":null}', '{"type":1}', '{}', '[]', 'null', ''):
            url = self.door(lambda _: (404, "{}"),
                            (frame(one), frame(json.dumps(CONNECTED))))
            rows = self.look(url, "--canary-only")
            self.assertEqual(rows["canary"], [
                ("fail", "the send is answered 404")], one)

    def test_frames_without_an_end(self):
        url = self.door(lambda _: (404, "{}"), (frame("{}") * 1000,))
        rows = self.look(url, "--canary-only")
        self.assertEqual(rows["canary"][0][0], "fail")
        self.assertIn("does not get connected", rows["canary"][0][1])

    def test_pages_that_are_none(self):
        pages = ["", "null", "[]", '{"messages":null}', '{"messages":{}}',
                 '{"messages":[null,1,{"id":null},{"id":1,"envelope":[]}]}',
                 json.dumps({"messages": [{"id": None, "envelope": {
                     "encryptedData": "A" * 32}}]}),
                 json.dumps({"messages": [{"id": "x", "envelope": {
                     "encryptedData": None}}]})]

        left = list(pages)

        def answer(request):
            if request.path.startswith("/api/messages?"):
                return 200, left.pop() if left else pages[0]
            return 503, ""
        done = self.run_waypost(self.door(answer), "bench", "--for", "2s",
                                "--json")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual((json.loads(done.stdout)["pulled"], left), (0, []))

    def test_an_error_of_the_web_server_is_not_one_of_the_handlers(self):
        def answer(request):
            if request.path == "/api/send" or request.path == "/connect":
                return 500, '{"code":"internal","error":"no temporary file"}'
            return 200, "{}"
        rows = self.look(self.door(answer))
        self.assertEqual(rows["web-body"][0][0], "fail", rows["web-body"])
        self.assertEqual(rows["web-origin"][0][0], "skip", rows["web-origin"])

    def test_an_origin_that_nobody_looks_at(self):
        rows = self.look(self.door(lambda _: (401, "{}")))
        self.assertEqual(rows["web-origin"], [
            ("warn", "a page of any other host is let in (401)")])


del E2eTest
