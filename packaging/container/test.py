#!/usr/bin/python3
"""What can be tried of the image and of compose.yaml without an engine.

usage: packaging/container/test.py [FOLDER]

FOLDER is what build.py made (build/container). The services of compose.yaml are
started from its own fields, each as an engine would: the image as a read-only
overlay, uid 65532, no capabilities, its volumes, secrets and names; all in a
network of their own, which has the addresses that compose.yaml gives. Redis and
nginx are this host's. Wants root, and namespaces of Linux.
"""
import gzip
import hashlib
import io
import json
import os
import secrets
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from devkit.http import Http  # noqa: E402
from devkit.token import mint  # noqa: E402
from devkit.user import envelope  # noqa: E402
from devkit.websocket import WebSocket  # noqa: E402

FOLDER = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else
                         os.path.join(ROOT, "build", "container"))
INSIDE = "WAYPOST_CONTAINER_TEST"
PATIENCE_S = 30
USER = 65532
PROGRAMS = ("waypost", "waypost-handlers", "waypost-keys", "waypost-notifier",
            "waypost-worker", "waypost-ws")
# Nobody who gets in is to find one of these.
TOOLS = ("sh", "bash", "dash", "busybox", "perl", "python3", "apt", "dpkg",
         "ldd", "ldconfig", "su", "mount")
DEVICES = ("null", "zero", "full", "random", "urandom")


def read_json(*path):
    with open(os.path.join(FOLDER, "image.oci", *path), "rb") as file:
        return json.load(file)


def read_blob(descriptor):
    """The bytes that are meant; they are what their digest says."""
    name = descriptor["digest"].removeprefix("sha256:")
    with open(os.path.join(FOLDER, "image.oci", "blobs", "sha256", name),
              "rb") as file:
        data = file.read()
    assert hashlib.sha256(data).hexdigest() == name, name
    assert len(data) == descriptor["size"], name
    return data


def wait_for(claim, what):
    deadline = time.monotonic() + PATIENCE_S
    while not claim():
        if time.monotonic() > deadline:
            raise AssertionError("in vain: " + what)
        time.sleep(0.05)


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.manifest = json.loads(read_blob(
            read_json("index.json")["manifests"][0]))
        cls.config = json.loads(read_blob(cls.manifest["config"]))
        cls.tar = gzip.decompress(read_blob(cls.manifest["layers"][0]))
        with tarfile.open(fileobj=io.BytesIO(cls.tar)) as tar:
            cls.members = {member.name: member for member in tar}

    def test_layer_and_config_belong_together(self):
        self.assertEqual(self.config["rootfs"]["diff_ids"], [
            "sha256:" + hashlib.sha256(self.tar).hexdigest()])
        self.assertEqual(read_json("oci-layout"),
                         {"imageLayoutVersion": "1.0.0"})
        self.assertEqual(self.config["config"]["User"], f"{USER}:{USER}")
        self.assertNotIn("Entrypoint", self.config["config"])

    def test_programs_are_there_and_no_tools(self):
        names = {os.path.basename(path) for path, member in
                 self.members.items() if member.mode & 0o111 and
                 member.isfile()}
        self.assertLessEqual(set(PROGRAMS), names)
        self.assertEqual(set(TOOLS) & names, set())
        self.assertEqual({name for name in names if name not in PROGRAMS and
                          ".so" not in name}, set())

    def test_nobody_gains_rights_or_changes_anything(self):
        for path, member in self.members.items():
            self.assertFalse(member.mode & (stat.S_ISUID | stat.S_ISGID), path)
            self.assertTrue(member.isfile() or member.isdir() or
                            member.issym(), path)
            if path == "var/lib/waypost":
                self.assertEqual((member.uid, member.mode), (USER, 0o750))
                continue
            self.assertEqual((member.uid, member.gid), (0, 0), path)
            if not member.issym() and path != "tmp":
                self.assertFalse(member.mode & 0o022, path)

    def test_it_is_told_what_is_in_it(self):
        with open(os.path.join(FOLDER, "image.spdx.json"), "rb") as file:
            told = {package["name"]: package["versionInfo"]
                    for package in json.load(file)["packages"]}
        self.assertLessEqual({"waypost", "libc6", "libssl3", "tzdata",
                              "ca-certificates"}, set(told))
        self.assertNotIn("", told.values())
        statuses = {os.path.basename(path) for path in self.members
                    if path.startswith("var/lib/dpkg/status.d/")}
        self.assertEqual(statuses, set(told) - {"waypost"})

    def test_another_build_gives_the_same_digest(self):
        with tempfile.TemporaryDirectory() as other:
            said = subprocess.run(
                ["make", "--no-print-directory", "-s", "-C", ROOT, "image",
                 f"IMAGE={other}"], check=True, text=True,
                stdout=subprocess.PIPE).stdout
        self.assertEqual(said.split()[-1],
                         read_json("index.json")["manifests"][0]["digest"])


# ---- containers ----

class Container:
    """A service of compose.yaml, as an engine would run it."""

    def __init__(self, name, service, world):
        self.name = name
        place = tempfile.mkdtemp(dir=world.scratch)
        lines = [
            "set -e", "mount --make-rprivate /",
            f"mount -t tmpfs tmpfs {place}",
            f"mkdir {place}/upper {place}/work {place}/root",
            f"mount -t overlay overlay -o lowerdir={world.image},"
            f"upperdir={place}/upper,workdir={place}/work {place}/root",
            f"cd {place}/root", "mount -t proc proc proc",
            "mount -t tmpfs -o mode=755 tmpfs dev"]
        binds = [(f"/dev/{device}", f"dev/{device}", "rw")
                 for device in DEVICES]
        binds.append((world.hosts, "etc/hosts", "ro"))
        for volume in service["volumes"]:
            source, target, *how = volume.split(":")
            source = os.path.join(FOLDER, source) if source[0] == "." else \
                world.volume(source)
            binds.append((source, target[1:], how[0] if how else "rw"))
        binds += [(world.secrets[secret], f"run/secrets/{secret}", "ro")
                  for secret in service["secrets"]]
        for source, target, how in binds:
            make = "mkdir -p" if os.path.isdir(source) else "touch"
            lines += [f"mkdir -p {os.path.dirname(target)}",
                      f"{make} {target}", f"mount --bind {source} {target}"]
            if how == "ro":
                lines.append(f"mount -o remount,bind,ro {target}")
        for target, options in (text.split(":")
                                for text in service["tmpfs"]):
            lines.append(f"mount -t tmpfs -o {options} tmpfs {target[1:]}")
        if service["read_only"]:
            lines.append("mount -o remount,ro .")
        if service["security_opt"] == ["no-new-privileges:true"]:
            lines.append("exec setpriv --no-new-privs chroot "
                         f"--userspec={service['user']} . \"$@\"")
        self.user = service["user"]
        self.log = open(os.path.join(world.scratch, f"{name}.log"), "w+b")
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", "\n".join(lines), name,
             *service["command"]], stdout=self.log, stderr=self.log,
            stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"],
                                           "WAYPOST_CONFIG":
                                           "/etc/waypost/waypost.yaml"})

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def run(self, *command):
        """Another command in it. Returns: status"""
        return subprocess.run(
            ["chroot", f"--userspec={self.user}",
             f"/proc/{self.process.pid}/root", *command], check=False,
            stdout=self.log, stderr=self.log, timeout=PATIENCE_S).returncode

    def about(self, file):
        with open(f"/proc/{self.process.pid}/{file}", encoding="ascii") as f:
            return f.read()

    def is_serving(self):
        """Is it the program by now, and is it up?"""
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended:\n{self.said()}")
        return '"msg":"started"' in self.said() or \
            '"msg":"ready"' in self.said()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.log.close()


class World:
    """All that compose.yaml has, in a network of its own."""

    def __init__(self):
        with open(os.path.join(FOLDER, "compose.yaml"),
                  encoding="utf-8") as file:
            self.compose = yaml.safe_load(file)
        self.scratch = tempfile.mkdtemp()
        self.image = os.path.join(self.scratch, "image")
        self.hosts = os.path.join(self.scratch, "hosts")
        self.secrets, self.containers, self.others = {}, {}, []
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(read_blob(
                json.loads(read_blob(read_json("index.json")[
                    "manifests"][0]))["layers"][0])))) as tar:
            tar.extractall(self.image, numeric_owner=True)
        for name in self.compose["secrets"]:
            self.secrets[name] = os.path.join(self.scratch, name)
            with open(self.secrets[name], "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32))
            os.chmod(self.secrets[name], 0o400)
            os.chown(self.secrets[name], USER, USER)
        self._lay_network()

    def _lay_network(self):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        with open(self.hosts, "w", encoding="ascii") as hosts:
            for name, service in self.compose["services"].items():
                address = service["networks"]["inside"]["ipv4_address"]
                subprocess.run(["ip", "address", "add", f"{address}/32", "dev",
                                "lo"], check=True)
                hosts.write(f"{address} {name}\n")

    def volume(self, name):
        """New ones have their owner from the image."""
        path = os.path.join(self.scratch, "volume-" + name)
        assert name in self.compose["volumes"]
        if not os.path.isdir(path):
            os.mkdir(path, 0o750)
            os.chown(path, USER, USER)
        return path

    def command(self, name):
        command = self.compose["services"][name]["command"]
        return shlex.split(command) if isinstance(command, str) else command

    def start(self):
        data = os.path.join(self.scratch, "redis")
        os.mkdir(data)
        self._start_other(self.command("redis"), data)
        wait_for(lambda: subprocess.run(
            ["redis-cli", "-h", self.address("redis"), "ping"], check=False,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout ==
            b"PONG\n", "Redis")
        for name, service in self.compose["services"].items():
            # Without providers of identities it has nothing to do, and ends.
            if service["image"].startswith("waypost:") and name != "keys":
                self.containers[name] = Container(name, service, self)
        for container in self.containers.values():
            wait_for(container.is_serving, container.name)
        nginx = self.compose["services"]["nginx"]["volumes"]
        lines = ["set -e", "mount --make-rprivate /",
                 f"mount --bind {self.hosts} /etc/hosts",
                 "mount -t tmpfs tmpfs /var/log/nginx",
                 "mount -t tmpfs tmpfs /tmp",
                 "mount -t tmpfs tmpfs /etc/nginx"]
        for source, target, _ in (volume.split(":") for volume in nginx):
            source = os.path.join(FOLDER, source)
            lines.append(f"mkdir -p {os.path.dirname(target)}; "
                         f"cp -r {source} {target}")
        lines.append("exec nginx -g 'daemon off;'")
        self._start_other(["unshare", "--mount", "sh", "-c",
                           "\n".join(lines)], data)

    def _start_other(self, command, folder):
        self.others.append(subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL))

    def address(self, name):
        return self.compose["services"][name]["networks"]["inside"][
            "ipv4_address"]

    def stop(self):
        statuses = {name: container.stop()
                    for name, container in self.containers.items()}
        for process in self.others:
            process.terminate()
            process.wait(PATIENCE_S)
        shutil.rmtree(self.scratch)
        return statuses


class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.world.start()
        cls.http = Http(8080, cls.world.address("nginx"))
        with open(cls.world.secrets["jwt_secret"], encoding="ascii") as file:
            cls.secret = file.read()
        wait_for(cls.is_ready, "a message taken")

    @classmethod
    def tearDownClass(cls):
        # Whoever is told to end has done what it was to do.
        statuses = cls.world.stop()
        assert not any(statuses.values()), statuses

    @classmethod
    def is_ready(cls):
        try:
            return cls.call("POST", "/api/send", "alice",
                            envelope("urn:sm:user:nobody")).status == 202
        except OSError:
            return False

    @classmethod
    def call(cls, method, target, user, body=None):
        headers = {"Authorization": "Bearer " + mint(cls.secret, user)}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        return cls.http.request(method, target, body, headers)

    @classmethod
    def is_sent_to_bob(cls):
        """Until its partition is open it says 503."""
        sent = cls.call("POST", "/api/send", "alice",
                        envelope("urn:sm:user:bob"))
        assert sent.status in (202, 503), sent
        return (sent.status, sent.header("X-Durability")) == (202, "fsync")

    def test_a_message_flows(self):
        socket = WebSocket(8080, "/connect", [
            ("Authorization", "Bearer " + mint(self.secret, "bob"))],
            host=self.world.address("nginx"), timeout_s=PATIENCE_S)
        self.addCleanup(socket.abort)
        socket.expect("connected")
        wait_for(self.is_sent_to_bob, "bob's partition open")
        socket.expect("poke")
        page = self.call("GET", "/api/messages", "bob").json()
        ids = [message["id"] for message in page["messages"]]
        self.assertEqual(len(ids), 1, page)
        acked = self.call("POST", "/api/messages/ack", "bob",
                          {"messageIds": ids})
        self.assertEqual(acked.status, 204, acked)

    def test_each_runs_as_nobody_in_particular(self):
        for name, container in self.world.containers.items():
            with self.subTest(name):
                status = dict(line.split(":\t", 1) for line in
                              container.about("status").splitlines())
                self.assertEqual(set(status["Uid"].split()), {str(USER)})
                self.assertEqual(set(status["Gid"].split()), {str(USER)})
                self.assertLessEqual(set(status["Groups"].split()),
                                     {str(USER)})
                self.assertEqual(int(status["CapEff"], 16), 0)
                self.assertEqual(int(status["CapPrm"], 16), 0)
                self.assertEqual(status["NoNewPrivs"], "1")
                root = [line.split() for line in container.about(
                    "mountinfo").splitlines() if " / / " in line]
                self.assertIn("ro", root[-1][5].split(","))

    def test_each_says_that_it_is_well(self):
        for name, container in self.world.containers.items():
            with self.subTest(name):
                service = self.world.compose["services"][name]
                kind, *command = service["healthcheck"]["test"]
                self.assertEqual(kind, "CMD")
                self.assertEqual(container.run(*command), 0, container.said())

    def test_who_does_not_answer_is_not_well(self):
        worker = self.world.containers["worker"]
        self.assertEqual(worker.run("waypost-keys", "--config",
                                    "/etc/waypost/waypost.yaml", "--ping"), 1)

    def test_the_others_are_there(self):
        worker = self.world.containers["worker"]
        self.assertEqual(worker.run("waypost-keys", "--config",
                                    "/etc/waypost/waypost.yaml"), 0)
        self.assertEqual(worker.run("waypost", "--config",
                                    "/etc/waypost/waypost.yaml", "dlq",
                                    "list"), 0, worker.said())


def main():
    if os.geteuid() != 0:
        print("skipped: this wants root, for namespaces")
        return 0
    if INSIDE not in os.environ:
        os.execvpe("unshare", ["unshare", "--mount", "--net", "--pid",
                               "--fork", "--kill-child", "--mount-proc",
                               sys.executable, *sys.argv],
                   {**os.environ, INSIDE: "1"})
    program = unittest.main(argv=sys.argv[:1], exit=False)
    result = program.result
    bad = len({getattr(test, "test_case", test)
               for test, _ in result.failures + result.errors})
    print(f"{result.testsRun - bad} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
