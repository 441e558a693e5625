"""`waypost doctor`: everything is broken on purpose, and it says so."""
import base64
import datetime
import email.utils
import hashlib
import http.server
import ipaddress
import json
import os
import shutil
import signal
import ssl
import struct
import subprocess
import tempfile
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness import SLOWNESS, E2eTest, new_stack, scratch, wait_for
from looking import Looking, environ

WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455
# What the machine decides: how full and how fast a disk is, and what
# else runs beside.
OF_THE_MACHINE = {"redis-disk", "redis-latency", "store-disk", "store-fsync",
                  "unit-active", "unit-version", "conf-environ",
                  "web-snippet"}


class Doctor(Looking):

    # ---- as it should be ----

    def test_what_is_well_is_said_to_be(self):
        rows = self.look()
        for name, found in rows.items():
            for row in found:
                if name not in OF_THE_MACHINE:
                    self.assertIn(row["result"], ("ok", "skip"), row)
        for name in ("conf-settings", "redis-connect", "redis-appendfsync",
                     "store-identity", "part-owners", "part-gates",
                     "time-redis"):
            self.assertEqual(rows[name][0]["result"], "ok", rows[name])

    def test_people_get_lines_and_a_last_word(self):
        done = self.run_doctor()
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], "^ok    conf-file  ")
        self.assertRegex(lines[-1], r"^(all well|it works): \d+ in order")
        self.assertNotIn("\033", done.stdout)
        done = self.run_doctor(JWT_SECRET="short")
        self.assertIn("\n      → openssl rand", done.stdout)

    def test_how_it_ends_is_for_monitoring(self):
        self.assertEqual(self.run_doctor(JWT_SECRET="short").returncode, 0)
        self.assertEqual(
            self.run_doctor("--strict", JWT_SECRET="short").returncode, 3)
        self.assertEqual(self.run_doctor(
            "--strict", WAYPOST_MAILBOX_PARTITIONS="16").returncode, 1)
        self.assertEqual(self.run_doctor("--stric").returncode, 2)

    # ---- settings ----

    def test_settings(self):
        rows = self.look(
            WAYPOST_MAILBOX_MAX_TRIES="0", JWT_SECRET="short",
            WAYPOST_MAILBOX_PARTITIONS="16",
            WAYPOST_AUTH_ISSUERS="https://issuer.example aud=a ns=b",
            WAYPOST_AUTH_JWT_SECRET_PREVIOUS_FILE="/nonexistent")
        self.assert_says(rows, "conf-settings", "fail", "MAX_TRIES")
        self.assert_says(rows, "conf-settings", "fail", "/nonexistent")
        self.assert_says(rows, "conf-secrets", "warn", "less than 32 bytes")
        self.assert_says(rows, "conf-keys", "fail", "https://issuer.example")
        # It has looked at all the rest all the same.
        self.assert_says(rows, "part-deployment", "fail", "partitions")
        self.assert_says(rows, "redis-connect", "ok", "8 partitions",
                         advice=False)
        rows = self.look(STORE_SECRET=self.stack.jwt_secret)
        self.assert_says(rows, "conf-secrets", "warn", "the same")
        rows = self.look(STORE_SECRET="short")
        self.assert_says(rows, "conf-secrets", "warn", "store_secret")

    def test_who_may_not_read_the_settings_is_told_so(self):
        """And nothing else: it would be of a deployment of defaults."""
        path = self.stack.path("waypost.yaml")
        mode = os.stat(path).st_mode
        self.addCleanup(os.chmod, path, mode)
        os.chmod(path, 0o000)
        if os.getuid() == 0:
            done = self.as_nobody("--config", path, "doctor")
        else:
            done = self.run_doctor()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, "(?s)^FAIL  conf-file .*nothing was "
                         "looked at.*Permission denied\n.*as root.*\n"
                         "not well: 0 in order, 0 to look at, 1 broken")

    def test_who_may_not_read_a_secret_is_told_so(self):
        folder = scratch()
        secret = os.path.join(folder, "secret")
        with open(secret, "w", encoding="ascii") as file:
            file.write("s" * 40)
        os.chmod(secret, 0o000)
        if os.getuid() == 0:
            done = self.as_nobody("doctor",
                                  WAYPOST_AUTH_JWT_SECRET_FILE=secret)
            self.assertRegex(done.stdout, "(?s)^FAIL  conf-file .*"
                             "jwt_secret_file.*Permission denied.*1 broken")

    def as_nobody(self, *words, **env):
        """All may go to where it is started from."""
        with tempfile.TemporaryDirectory() as folder:
            program = shutil.copy(os.path.join(self.stack.build, "waypost"),
                                  folder)
            os.chmod(folder, 0o755)
            return subprocess.run(
                [program, *words], user=65534, group=65534, extra_groups=[],
                env={**self.stack.base_env, **env}, cwd=folder,
                capture_output=True, text=True, timeout=60 * SLOWNESS,
                check=False)

    def test_a_file_of_settings_that_is_not_there(self):
        done = self.run_doctor(before=["--config", "/nonexistent/a.yaml"],
                               config=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, "(?s)^FAIL  conf-file .*/nonexistent/a."
                         "yaml: cannot be read.*1 broken")

    def test_no_file_of_settings(self):
        rows = self.look(config=False, cwd=scratch(), before=[
            "--redis", "unix:" + self.stack.redis_socket])
        self.assert_says(rows, "conf-file", "warn", "/etc/waypost")

    def test_secrets_in_the_environment_of_others(self):
        if os.getuid() != 0:
            self.skipTest("only root can be somebody else")
        self.assert_says(self.look(), "conf-environ", "ok", "no process",
                         advice=False)
        other = subprocess.Popen(["sleep", "600"], user=65534, env={
            "PATH": os.environ["PATH"], "STORE_SECRET": "x" * 32})
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        self.assert_says(self.look(), "conf-environ", "warn", "1 processes")

    # ---- programs ----

    def test_a_program_that_was_replaced(self):
        program = os.path.join(scratch(), "waypost-sleep")
        shutil.copy(shutil.which("sleep"), program)
        with subprocess.Popen([program, "600"]) as child:
            self.addCleanup(child.kill)
            wait_for(lambda: os.readlink(
                f"/proc/{child.pid}/exe") == program, "it runs")
            os.unlink(program)
            self.assert_says(self.look(), "unit-version", "warn",
                             "(waypost-sleep)")
            child.kill()

    def test_a_socket_that_is_not_there(self):
        rows = self.look(WAYPOST_HANDLERS_LISTEN="unix:/nonexistent/a")
        self.assert_says(rows, "unit-sockets", "warn", "/nonexistent/a")

    # ---- Redis ----

    def test_no_redis(self):
        rows = self.look(before=["--redis", "unix:/nonexistent/redis"])
        self.assert_says(rows, "redis-connect", "fail",
                         "unix:/nonexistent/redis")
        for name in ("redis-memory", "part-owners", "time-redis"):
            self.assertNotIn(name, rows)
            self.assert_says(rows, "redis-missing", "skip", name,
                             advice=False)
        self.assert_says(rows, "store-identity", "skip", "it opens",
                         advice=False)

    def redis_setting(self, name, value):
        with self.stack.redis() as redis:
            before = redis("CONFIG", "GET", name)[1]
            redis("CONFIG", "SET", name, value)

        def restore():
            with self.stack.redis() as redis:
                redis("CONFIG", "SET", name, before)
        self.addCleanup(restore)

    def test_settings_of_redis(self):
        bad = {"maxmemory-policy": "allkeys-lru", "maxmemory": "0",
               "appendfsync": "no", "no-appendfsync-on-rewrite": "yes",
               "stream-node-max-bytes": "4096"}
        for name, value in bad.items():
            self.redis_setting(name, value)
        for mode, result in (("local", "warn"), ("production", "fail")):
            rows = self.look(WAYPOST_RUN_MODE=mode)
            for name, value in bad.items():
                self.assert_says(rows, "redis-" + name, result, value)
                self.assertIn(f"{name} ",
                              rows["redis-" + name][0]["advice"])
        self.redis_setting("appendfsync", "everysec")
        self.assert_says(self.look(), "redis-appendfsync", "warn", "second")
        rows = self.look(WAYPOST_REDIS_DURABILITY="memory")
        self.assertEqual(rows["redis-appendfsync"][0]["result"], "ok")
        self.redis_setting("appendonly", "no")
        rows = self.look()
        self.assert_says(rows, "redis-appendonly", "warn", "lose messages")
        self.assertNotIn("redis-appendfsync", rows)
        self.assertEqual(rows["redis-aof"][0]["result"], "skip")

    def test_a_full_redis_and_a_small_host(self):
        self.redis_setting("maxmemory", "4gb")
        self.addCleanup(self.drop, "ballast")
        self.set_memory(85)
        self.assert_says(self.look(), "redis-memory", "fail", "sends are")
        self.redis_setting("maxmemory", str(1 << 50))
        self.assert_says(self.look(), "redis-memory", "warn", "its host has")

    def drop(self, *keys):
        with self.stack.redis() as redis:
            redis("DEL", *keys)

    def test_somebody_elses_keys(self):
        with self.stack.redis() as redis:
            redis("SET", "theirs", "1")
        self.addCleanup(self.drop, "theirs")
        rows = self.look()
        self.assert_says(rows, "redis-foreign", "warn", "1 keys")
        self.assertNotIn("theirs", rows["redis-foreign"][0]["text"])

    # ---- the store ----

    def test_a_store_that_is_another_one(self):
        folder = scratch()
        rows = self.look(WAYPOST_STORE_SQLITE_PATH=folder + "/other.db")
        self.assert_says(rows, "store-identity", "fail", "not there")
        self.assertEqual(os.listdir(folder), [])
        rows = self.look(WAYPOST_STORE_SQLITE_PATH="/nonexistent/other.db")
        self.assert_says(rows, "store-disk", "fail", "folder")
        rows = self.look(WAYPOST_STORE_SQLITE_PATH="other.db", cwd=folder)
        self.assert_says(rows, "store-path", "warn", "started in")

    def copy_store(self):
        path = os.path.join(scratch(), "waypost.db")
        subprocess.run(["python3", "-c",
                        "import sqlite3, sys\n"
                        "a, b = map(sqlite3.connect, sys.argv[1:])\n"
                        "a.backup(b)\n"
                        "b.execute('PRAGMA journal_mode=WAL')",
                        self.stack.path("waypost.db"), path], check=True)
        os.chmod(path, 0o640)
        return path

    def test_a_store_that_is_damaged(self):
        path = self.copy_store()
        rows = self.look("--deep", WAYPOST_STORE_SQLITE_PATH=path)
        self.assert_says(rows, "store-whole", "ok", "whole", advice=False)
        size = os.path.getsize(path)
        with open(path, "r+b") as file:
            file.seek(8192)
            file.write(b"\xaa" * (size - 8192))
        rows = self.look("--deep", WAYPOST_STORE_SQLITE_PATH=path)
        self.assertEqual(rows["store-whole"][0]["result"], "fail")
        # Without being asked to it does not read all of it.
        rows = self.look(WAYPOST_STORE_SQLITE_PATH=path)
        self.assertEqual(rows["store-whole"][0]["result"], "skip")

    def test_a_log_that_is_never_put_back(self):
        path = self.copy_store()
        with open(path + "-wal", "wb") as file:
            file.truncate(300 << 20)
        rows = self.look(WAYPOST_STORE_SQLITE_PATH=path)
        self.assert_says(rows, "store-wal", "warn", "300 MiB")

    # ---- time ----

    def test_a_clock_that_is_off(self):
        folder = scratch()
        step = os.path.join(folder, "step")
        with open(step, "wb") as file:
            file.write(struct.pack("=q", 10))
        clock = os.path.join(os.path.abspath(self.stack.build),
                             "tests/fault/stepped_clock.so")
        if not os.path.exists(clock):
            self.skipTest("there is no stepped clock")
        rows = self.look(LD_PRELOAD=clock, WAYPOST_TEST_CLOCK=step,
                         ASAN_OPTIONS="verify_asan_link_order=0")
        self.assert_says(rows, "time-redis", "warn", "off ours")


class Door(Looking):
    """Through the web server, as it should be and as it should not."""

    @classmethod
    def make_stack(cls):
        # So that nobody waits for what is slow on purpose.
        return new_stack({"websocket": {"heartbeat_ms": 500,
                                        "grace_ms": 100}})

    def url(self):
        return f"http://127.0.0.1:{self.stack.port}"

    def test_what_is_well_outside_is_said_to_be(self):
        rows = self.look("--url", self.url() + "/")
        for name in ("web-healthz", "web-readyz", "web-errors", "web-body",
                     "web-upgrade", "web-origin", "time-web"):
            self.assertEqual([row["result"] for row in rows[name]], ["ok"],
                             rows[name])
        self.assertEqual(rows["web-tls"][0]["result"], "skip")
        self.assertEqual(rows["web-idle"][0]["result"], "skip")
        self.assertEqual(rows["canary"][0]["result"], "ok", rows["canary"])
        self.assertRegex(
            rows["canary"][0]["text"],
            r"^accepted [\d.]+ ms · poked [\d.]+ ms · pulled [\d.]+ ms · "
            r"from disk [\d.]+ ms$")

    def test_where_it_is_must_be_said(self):
        rows = self.look()
        self.assert_says(rows, "web-url", "skip", "is not said")
        self.assertIn("public_url", rows["web-url"][0]["advice"])
        self.assertEqual([name for name in rows if name.startswith(
            ("web-", "canary", "time-web"))], ["web-snippet", "web-url"])
        rows = self.look(WAYPOST_PUBLIC_URL=self.url())
        self.assert_says(rows, "web-url", "ok", self.url(), advice=False)
        self.assertEqual(rows["web-healthz"][0]["result"], "ok")
        rows = self.look("--url", "example.org")
        self.assert_says(rows, "web-url", "fail", "https://")
        rows = self.look("--url", "http://127.0.0.1:1")
        self.assert_says(rows, "web-healthz", "fail", "does not answer")
        self.assertNotIn("canary", rows)

    # ---- something else stands there ----

    def stand_in(self, answer, tls=None, log=None):
        """A web server that answers (status, type, body, date); its URL."""
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def date_time_string(self, timestamp=None):
                return email.utils.formatdate(time.time() + self.late,
                                              usegmt=True)

            def do(self):
                length = int(self.headers.get("Content-Length", "0"))
                while length > 0:
                    length -= len(self.rfile.read(min(length, 65536)))
                status, kind, body, self.late = answer(self)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do

            def log_message(self, form, *words):
                if log:
                    log.write(form % words + "\n")
                    log.flush()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # who asks may go early
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        scheme = "https" if tls else "http"
        return f"{scheme}://127.0.0.1:{server.server_port}"

    def test_a_web_server_that_knows_nothing_of_us(self):
        url = self.stand_in(lambda _: (200, "text/html", b"welcome", 0))
        rows = self.look("--url", url)
        self.assert_says(rows, "web-errors", "fail", "an unknown path")
        self.assert_says(rows, "web-errors", "fail", "a bad token")
        self.assert_says(rows, "web-errors", "fail", "a body of 5 MB")
        self.assert_says(rows, "web-upgrade", "fail", "answered 200")
        self.assertIn("proxy_http_version",
                      rows["web-upgrade"][0]["advice"])
        self.assert_says(rows, "web-origin", "skip", "is not told",
                         advice=False)
        self.assert_says(rows, "canary", "fail", "does not get connected")

    def test_others_are_let_in_and_we_are_not(self):
        rows = self.look("--url", self.stand_in(
            lambda _: (401, "text/html", b"", 0)))
        self.assert_says(rows, "web-origin", "warn", "any other host")
        self.assert_says(rows, "canary", "fail", "answered 401")
        self.assertIn("restart waypost-handlers",
                      rows["canary"][0]["advice"])

    def test_nobody_stands_behind_the_web_server(self):
        rows = self.look("--url", self.stand_in(
            lambda _: (503, "application/json", b"", 0)))
        self.assert_says(rows, "web-healthz", "fail", "answered 503")
        for name in ("web-errors", "web-body", "web-origin"):
            self.assertEqual([row["result"] for row in rows[name]], ["skip"])

    def test_a_web_server_that_is_in_the_way(self):
        def answer(request):
            if request.path == "/metrics":
                return 200, "text/plain", b"waypost_up 1\n", 0
            if request.path == "/connect" and "Origin" in request.headers:
                return 403, "text/html", b"", 0
            if request.path == "/connect":
                return 502, "text/html", b"", 0
            if request.path == "/readyz":
                return 503, "text/plain", b"", 0
            if int(request.headers.get("Content-Length", "0")) > 1 << 20:
                return 413, "text/html", b"", 0
            return 404, "text/html", b"", -60
        rows = self.look("--url", self.stand_in(answer))
        self.assert_says(rows, "web-healthz", "fail", "answered 404")
        self.assert_says(rows, "web-readyz", "fail", "answered 503")
        self.assert_says(rows, "web-errors", "fail", "404 text/html")
        self.assert_says(rows, "web-body", "fail", "4.2 MB")
        self.assert_says(rows, "web-upgrade", "fail", "answered 502")
        self.assertIn("waypost-ws", rows["web-upgrade"][0]["advice"])
        self.assert_says(rows, "web-origin", "fail", "this very host")
        self.assert_says(rows, "web-metrics", "warn", "open")
        self.assert_says(rows, "time-web", "warn", "off ours")

    def test_a_web_server_that_writes_tokens_down(self):
        if os.getuid() != 0:
            self.skipTest("what others have open only root sees")
        path = os.path.join(scratch(), "access.log")
        with open(path, "w", encoding="ascii") as log:
            url = self.stand_in(lambda _: (200, "text/html", b"", 0), log=log)
            self.be_called("nginx")
            rows = self.look("--url", url)
        self.assert_says(rows, "web-log", "fail", path)

    def be_called(self, name):
        with open("/proc/self/comm", "r+", encoding="ascii") as file:
            before = file.read().strip()
            file.write(name)

        def restore():
            with open("/proc/self/comm", "w", encoding="ascii") as file:
                file.write(before)
        self.addCleanup(restore)

    def certificate(self, days):
        """What a server shows, and the file that signs it."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "door")])
        now = datetime.datetime.utcnow()
        names = x509.SubjectAlternativeName([
            x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        made = (x509.CertificateBuilder()
                .subject_name(name).issuer_name(name)
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(days=1))
                .not_valid_after(now + datetime.timedelta(days=days, hours=1))
                .add_extension(x509.BasicConstraints(True, None), True)
                .add_extension(names, False)
                .sign(key, hashes.SHA256()))
        path = os.path.join(scratch(), "pem")
        with open(path, "wb") as file:
            file.write(made.public_bytes(serialization.Encoding.PEM))
            file.write(key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(path)
        return tls, path

    def test_certificates(self):
        for days, result in ((5, "warn"), (90, "ok")):
            tls, path = self.certificate(days)
            url = self.stand_in(lambda _: (200, "text/html", b"", 0), tls)
            rows = self.look("--url", url, WAYPOST_AUTH_CA_FILE=path)
            self.assert_says(rows, "web-tls", result, f"{days} days",
                             advice=result != "ok")
        rows = self.look("--url", url)
        self.assert_says(rows, "web-healthz", "fail", "certificate")

    # ---- the canary ----

    def canary(self, *words, **how):
        rows = self.look("--canary-only", "--url", self.url(), *words, **how)
        self.assertLessEqual(set(rows), {"web-url", "canary", "canary-prom",
                                          "web-idle"})
        return rows

    def test_the_canary_alone(self):
        path = os.path.join(scratch(), "waypost.prom")
        rows = self.canary("--prom", path)
        self.assertEqual(rows["canary"][0]["result"], "ok", rows)
        with open(path, encoding="ascii") as file:
            text = file.read()
        self.assertIn("\nwaypost_canary_success 1\n", text)
        for step in "accepted", "poked", "pulled", "from_disk":
            self.assertRegex(text, "\nwaypost_canary_duration_seconds"
                             f'{{step="{step}"}} 0\\.\\d+\n')
        self.assertEqual(os.listdir(os.path.dirname(path)), ["waypost.prom"])
        # It leaves nothing behind but what is deleted in time.
        for key in self.redis_keys("*urn:sm:canary:*"):
            self.assertNotIn(":hot", key)
        rows = self.canary("--prom", "/nonexistent/a.prom")
        self.assert_says(rows, "canary-prom", "fail", "/nonexistent")

    def test_the_canary_with_tokens_that_others_gave(self):
        files = []
        for name in "one", "two":
            path = os.path.join(scratch(), name)
            with open(path, "w", encoding="ascii") as file:
                file.write(self.stack.token(name) + "\n")
            files += ["--token-file", path]
        keys = {"JWT_SECRET": "", "WAYPOST_AUTH_ISSUERS":
                "https://issuer.example aud=a ns=b"}
        rows = self.canary(*files, **keys)
        self.assertEqual(rows["canary"][0]["result"], "ok", rows)
        self.assert_says(self.canary(**keys), "canary", "skip", "signs")
        self.assertIn("--token-file", self.run_doctor(*files[:2]).stderr)
        rows = self.canary("--token-file", "/nonexistent", "--token-file", "/")
        self.assert_says(rows, "canary", "fail", "/nonexistent")

    def test_a_canary_that_does_not_come_back(self):
        path = os.path.join(scratch(), "waypost.prom")
        rows = self.canary("--prom", path, JWT_SECRET="x" * 64)
        self.assert_says(rows, "canary", "fail", "answered 401")
        with open(path, encoding="ascii") as file:
            self.assertIn("\nwaypost_canary_success 0\n", file.read())
        self.freeze(self.stack.programs["worker-0"].pid)
        self.assert_says(self.canary(), "canary", "fail", "not poked")

    def test_a_canary_does_not_stay_for_a_month(self):
        paths = []

        def answer(request):
            paths.append(request.path)
            if request.path != "/connect":
                return 503, "application/json", b"", 0
            key = request.headers["Sec-WebSocket-Key"] + WEBSOCKET_GUID
            accept = base64.b64encode(hashlib.sha1(key.encode()).digest())
            frame = b'{"type":"connected","user":"urn:sm:canary:0"}'
            request.wfile.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept +
                b"\r\n\r\n\x81" + bytes([len(frame)]) + frame)
            request.rfile.read(1)  # until it leaves
            raise ConnectionError
        rows = self.look("--canary-only", "--url", self.stand_in(answer))
        self.assert_says(rows, "canary", "fail", "the send is answered 503")
        self.assertEqual(paths, ["/connect",
                                 "/api/send?expiresInSeconds=600"])


class Load(E2eTest):
    """`waypost bench`, through the front door."""

    @classmethod
    def make_stack(cls):
        return new_stack()

    def bench(self, *words, **env):
        return subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), "bench", *words],
            env=environ(self.stack, WAYPOST_PUBLIC_URL=
                        f"http://127.0.0.1:{self.stack.port}", **env),
            capture_output=True, text=True, timeout=60 * SLOWNESS,
            check=False)

    def test_what_was_accepted_arrives(self):
        done = self.bench("--for", "1s", "--senders", "3", "--receivers", "2",
                          "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        said = json.loads(done.stdout)
        self.assertGreater(said["accepted"], 3)
        self.assertEqual(said["pulled"], said["accepted"])
        self.assertEqual((said["missing"], said["unanswered"],
                          said["refused"]), (0, 0, {}))
        self.assertLessEqual(said["acceptedP50Ms"], said["acceptedP99Ms"])
        self.assertGreater(said["pulledP50Ms"], 0)
        self.assertNotIn("urn:sm:canary:", str(self.redis_keys("wp:*:hot*")))
        done = self.bench("--for", "1s", "--size", "4000")
        rows = dict(line.split("\t") for line in done.stdout.splitlines())
        self.assertEqual(list(rows), [
            "sends a second", "accepted", "half accepted within, ms",
            "99 % accepted within, ms", "pulled", "half pulled within, ms",
            "99 % pulled within, ms", "missing"])
        self.assertGreater(int(rows["sends a second"]), 0)
        self.assertEqual(rows["missing"], "0")
        self.assertEqual(rows["pulled"], rows["accepted"])

    def test_what_is_refused_is_told(self):
        done = self.bench("--for", "1s", JWT_SECRET="x" * 64)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"(?m)^refused with 401\t[1-9]")
        self.assertIn("nothing was accepted", done.stderr)
        done = self.bench(WAYPOST_RUN_MODE="production")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("--yes", done.stderr)
        for words, sentence in (("--senders", "65"), "1 to 64"), (
                ("--size", "7"), "8 to 65536"), (("--for", "6m"), "5m"):
            done = self.bench(*words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(sentence, done.stderr)


del E2eTest, Looking
