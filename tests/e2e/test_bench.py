"""The load generators and limits of benchmarks do what they say they do."""
import json
import os
import subprocess
import sys

from devkit.process import Program
from devkit.stack import listens
from harness import (ROOT, SLOWNESS, E2eTest, envelope, new_stack, scratch,
                     wait_for)

sys.path.insert(0, os.path.join(ROOT, "bench"))
from herd import fastcgi  # noqa: E402

GUARD_S = 30 * SLOWNESS
GENERATORS = ("http_load", "ws_load", "herd", "inline_load")
LIMITS = ("empty_fcgi", "hash_loop", "script_loop", "ws_loop")


class Bench(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack()

    def setUp(self):
        self.folder = scratch()
        self.address = f"127.0.0.1:{self.stack.port}"

    def program(self, name):
        return os.path.join(self.stack.build, "bench", name)

    def run_program(self, name, *arguments, told=""):
        """Its lines, read as JSON."""
        done = subprocess.run(
            [self.program(name), *map(str, arguments)], input=told,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=GUARD_S, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), name)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(text.encode() if isinstance(text, str) else text)
        return path

    def serve(self, name, path, *arguments):
        program = Program(name, [self.program(name), *arguments],
                          self.stack.base_env, self.folder,
                          os.path.join(self.folder, name + ".log"),
                          lambda: listens(path), slowness=SLOWNESS)
        self.addCleanup(program.stop)
        program.start()

    def posting(self, sender, recipient):
        """A whole request."""
        body = json.dumps(envelope(recipient))
        return ("POST /api/send HTTP/1.1\r\nHost: bench\r\n"
                "Content-Type: application/json\r\n"
                f"Authorization: Bearer {sender.token}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}")

    def test_each_tells_how_it_is_used(self):
        for name in GENERATORS + LIMITS:
            done = subprocess.run([self.program(name), "--help"],
                                  stdout=subprocess.PIPE, text=True,
                                  timeout=GUARD_S, check=False)
            self.assertEqual(done.returncode, 0, name)
            self.assertTrue(done.stdout.startswith("usage: " + name), name)

    def test_only_this_machine_is_loaded(self):
        for name in GENERATORS:
            how = ["-b", self.file("x", "GET"), "192.0.2.1:80"]
            if name == "inline_load":
                how = ["-J", self.file("x", "x"), "192.0.2.1:80"]
            if name == "ws_load":
                how = ["-a", "192.0.2.1:80", "-f", self.file("x", "x"),
                       "192.0.2.1:80"]
            done = subprocess.run([self.program(name), *how],
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True,
                                  timeout=GUARD_S, check=False)
            self.assertEqual(done.returncode, 2, name)
            self.assertIn("neither 127.0.0.1:PORT nor unix:PATH", done.stderr)

    def test_every_answer_is_counted(self):
        sender, recipient = self.user(), self.user()
        body = self.file("body", json.dumps(envelope(recipient.urn)))
        result, = self.run_program(
            "http_load", "-c", 4, "-s", 1, "-w", 0, "-m", "POST", "-p",
            "/api/send", "-b", body, "-j", sender.token, self.address)
        self.assertEqual((list(result["status"]), result["lost"]),
                         (["202"], 0))
        self.assertGreater(result["us"]["p50"], 0)
        seen = []

        def pull_on():
            query = {"after": seen[-1]} if seen else {}
            page = recipient.pull(limit=500, **query)
            self.assert_status(page, 200)
            seen.extend(message["id"] for message in page.json()["messages"])
            return len(seen) >= result["all"]
        wait_for(pull_on, "all that was counted is there")
        self.assertEqual(len(set(seen)), result["all"])

    def test_numbers_in_sequence(self):
        sender, prefix = self.user(), self.user().urn
        body = self.file("body", json.dumps(
            {"envelopes": [envelope(prefix + "-##")] * 2}))
        result, = self.run_program(
            "http_load", "-c", 3, "-m", "POST", "-p", "/api/send/batch", "-b",
            body, "-j", sender.token, "-n", 100, "-q", "7,6", self.address)
        self.assertEqual(result["status"], {"202": 3})
        name = prefix.rsplit(":", 1)[1]
        for number in range(7, 13):
            someone = self.user()
            someone.name = f"{name}-{number:02}"
            someone.token = self.stack.token(someone.name)
            self.messages(someone, 1)

    def test_all_that_comes_inline_is_acknowledged(self):
        users = [self.user() for _ in range(3)]
        for user in users:
            for _ in range(70):  # more than a window
                self.assert_accepted(self.user().send(user, b"x"))
        tokens = self.file("tokens", "".join(user.token + "\n"
                                             for user in users))
        _, result = self.run_program(
            "inline_load", "-c", 3, "-J", tokens,
            "unix:" + self.stack.socket_path("websocket-0.sock"),
            told="take 210\n")
        self.assertEqual((result["came"], result["acked"]), (210, 210))
        for user in users:
            self.assert_nothing_waits(user)

    def test_all_who_are_poked_are_seen(self):
        user = self.user()
        points = os.path.join(self.folder, "points")
        let_in, poked = self.run_program(
            "ws_load", "-c", 1, "-g", "-J",
            self.file("tokens", user.token + "\n"), "-a", self.address, "-f",
            self.file("poke", self.posting(self.user(), user.urn)), "-x",
            self.address, "-o", points, self.address, told="rate 20 1\n")
        self.assertEqual(let_in["connected"], 1)
        self.assertEqual((poked["lost"], poked["received"]),
                         (0, poked["sent"]))
        self.assertEqual(poked["acked_us"]["count"], poked["sent"])
        self.assertGreater(poked["sent"], 0)
        self.assert_nothing_waits(user)
        with open(points, encoding="ascii") as file:
            self.assertEqual(len(file.readlines()), poked["sent"])

    def test_a_herd_is_counted(self):
        sender, recipient = self.user(), self.user()
        request = self.file("request", self.posting(sender, recipient.urn))
        result, = self.run_program("herd", "-b", request, "-c", 50, "-q",
                                   "0.1", "-s", GUARD_S / 2, self.address)
        self.assertEqual(result["status"], {"202": 50})
        self.assertEqual((result["closed"], result["silent"],
                          result["outside"]), (0, 0, 0))
        self.messages(recipient, 50)

    def test_the_empty_handler(self):
        path = os.path.join(self.folder, "fcgi.sock")
        self.serve("empty_fcgi", path, path, "4")
        request = self.file("request", fastcgi(
            {"REQUEST_METHOD": "POST", "CONTENT_LENGTH": "4"}, b"body"))
        result, = self.run_program("herd", "-b", request, "-c", 4, "-l", 9,
                                   "-q", 0, "-s", GUARD_S / 2,
                                   "unix:" + path)
        self.assertEqual(result["status"], {"202": 4})

    def test_the_bare_loops(self):
        self.freeze(self.stack.programs["worker-0"].pid)
        for what in ("send", "route"):
            result, = self.run_program(
                "script_loop", what, self.stack.path("waypost.yaml"),
                self.stack.redis_socket, 100, 4, 10, 5)
            self.assertEqual(result["messages"], 100)
        path = os.path.join(self.folder, "ws.sock")
        self.serve("ws_loop", path, path, self.stack.redis_socket)
        poke = self.file("poke", "*3\r\n$7\r\nPUBLISH\r\n$4\r\npoke\r\n"
                                 "$6\r\nu#####\r\n")
        let_in, poked = self.run_program(
            "ws_load", "-c", 5, "-p", "/connect?#####", "-a",
            "unix:" + self.stack.redis_socket, "-f", poke, "unix:" + path,
            told="window 2 0.2\n")
        self.assertEqual((let_in["connected"], poked["lost"]), (5, 0))
        self.assertGreater(poked["received"], 0)
