"""A copy is taken while everything runs, and put back where nothing is."""
import contextlib
import json
import os
import random
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import unittest

from harness import SLOWNESS, E2eTest, new_stack, scratch, wait_for
from namespaces import in_shell, wants_namespaces
from devkit.stack import free_port

# How often a copy is taken under load and put back; more: make test-backup.
ROUNDS = int(os.environ.get("TEST_BACKUP_ROUNDS", "1"))
RECIPIENTS = 6
BEFORE, AFTER = 40, 10  # sends of each before a copy is begun, and behind it
NOBODY = 65534
FILES = ("dump.rdb", "waypost.db", "accounts.db")
# A redis-cli that waits, before and behind the real one, to be told to go on.
HELD = """#!/bin/sh
: >'{folder}/before'; read go <'{folder}/go'
'{real}' "$@"; status=$?
: >'{folder}/after'; read go <'{folder}/go'
exit $status
"""


class Backup(E2eTest):
    @classmethod
    def make_stack(cls):
        # Else Redis waits five seconds for more who want a copy.
        return new_stack({"accounts": {"enabled": True}},
                         redis_config=["repl-diskless-sync-delay 0"])

    def waypost(self, *words, env=None, spawn=subprocess.run, inside=(),
                **how):
        return spawn(
            [*inside, os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), *words],
            env={**self.stack.base_env, "STORE_SECRET":
                 self.stack.store_secret, **(env or {})},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)

    def run_waypost(self, *words, **how):
        done = self.waypost(*words, timeout=60 * SLOWNESS, check=False, **how)
        return done.returncode, done.stdout

    def assert_fine(self, *words, **how):
        status, said = self.run_waypost(*words, **how)
        self.assertEqual(status, 0, said)
        return said

    def assert_refused(self, part, *words, **how):
        status, said = self.run_waypost(*words, **how)
        self.assertEqual(status, 1, said)
        self.assertIn(part, said)

    def backup(self):
        folder = os.path.join(scratch(), "copy")
        self.assert_fine("backup", folder)
        return folder

    def lose_everything(self):
        """The programs are stopped, and what they had is in another place."""
        self.assertEqual(self.stack.stop(), {})
        aside = scratch()
        redis = self.stack.path("redis")
        for name in os.listdir(redis):
            os.rename(os.path.join(redis, name), os.path.join(aside, name))
        for name in os.listdir(self.stack.state):
            if name.startswith(("waypost.db", "accounts.db")):
                os.rename(self.stack.path(name), os.path.join(aside, name))
        return aside

    def put_back(self, aside):
        redis = self.stack.path("redis")
        for name in os.listdir(aside):
            os.rename(os.path.join(aside, name), os.path.join(
                self.stack.state if ".db" in name else redis, name))

    def restore(self, copy):
        self.lose_everything()
        said = self.assert_fine("restore", copy, "--redis-dir",
                                self.stack.path("redis"))
        self.assertIn("docs/operations.md", said)
        self.stack.start()

    def ids_of(self, user):
        """Of all that waits, page by page; nothing is acked."""
        ids, more = [], {}
        while True:
            answer = user.pull(limit=500, **more)
            self.assert_status(answer, 200)
            page = answer.json()
            ids += [message["id"] for message in page["messages"]]
            if not page["hasMore"]:
                return ids
            more = {"after": ids[-1]}


class Whole(Backup):
    """What moves while a copy is taken, and what else is in one."""

    def held_backup(self, copy):
        """A backup, and two steps: before and behind the copy of Redis."""
        folder = scratch()
        os.mkfifo(os.path.join(folder, "go"))
        tool = os.path.join(folder, "redis-cli")
        with open(tool, "w", encoding="ascii") as file:
            file.write(HELD.format(folder=folder,
                                   real=shutil.which("redis-cli")))
        os.chmod(tool, 0o755)
        running = self.waypost(
            "backup", copy, spawn=subprocess.Popen,
            env={"PATH": folder + ":" + os.environ["PATH"]})
        self.addCleanup(running.stdout.close)
        self.addCleanup(running.kill)

        def reach(step):
            wait_for(lambda: os.path.exists(os.path.join(folder, step)), step)

        def go_on():
            with open(os.path.join(folder, "go"), "w",
                      encoding="ascii") as file:
                file.write("on\n")
        return running, reach, go_on

    def test_what_moves_to_disk_meanwhile_is_in_the_copy(self):
        """Copied the other way round, what first() gets would be lost."""
        alice = self.user()
        first, second, third = self.user(), self.user(), self.user()
        sockets = {}
        for user in (first, second):
            sockets[user] = self.connect(user)
            sockets[user].expect("connected")
        sent = {user: [self.assert_accepted(alice.send(user))
                       for _ in range(3)] for user in (first, second)}
        for user in (first, second):
            sockets[user].expect("poke")
        copy = os.path.join(scratch(), "copy")
        running, reach, go_on = self.held_backup(copy)

        reach("before")
        sockets[first].abort()
        wait_for(lambda: not self.redis_keys("wp:*:hot*:" + first.urn),
                 "the first on disk")
        go_on()
        reach("after")
        sockets[second].abort()
        wait_for(lambda: not self.redis_keys("wp:*:hot*:" + second.urn),
                 "the second on disk")
        # Only the copy of the store has this one.
        sent[third] = [self.assert_accepted(alice.send(third))]
        wait_for(lambda: self.is_cold(third), "the third on disk")
        go_on()
        self.assertEqual(running.wait(60 * SLOWNESS), 0)

        self.restore(copy)
        for user, ids in sent.items():
            self.assertEqual(self.ids_of(user), ids)
            self.assert_status(user.ack(ids), 204)
            self.assertEqual(self.ids_of(user), [])

    def test_a_copy_has_all_that_a_deployment_is(self):
        alice, bob = self.user(), self.user()
        made = json.loads(self.assert_fine("account", "create", "carol",
                                           "--json"))
        self.assert_fine("session", "revoke", "--user", alice.urn)
        wait_for(lambda: alice.pull().status == 401, "the revocation")
        copy = self.backup()
        self.assertEqual(sorted(os.listdir(copy)),
                         sorted([*FILES, "manifest.json"]))
        for name in (".", *os.listdir(copy)):
            mode = stat.S_IMODE(os.stat(os.path.join(copy, name)).st_mode)
            self.assertEqual(mode & 0o077, 0, name)
        with open(os.path.join(copy, "manifest.json"),
                  encoding="utf-8") as file:
            manifest = json.load(file)
        self.assertEqual([row["name"] for row in manifest["files"]],
                         list(FILES))
        # Of this deployment: with accounts, without keys of back ends.
        self.assertEqual(manifest["notInIt"], [
            "waypost.yaml", "auth.store_secret", "auth.jwt_secret",
            "auth.public_key_files", "auth.key_dir, sign-*.pem"])
        with self.stack.redis() as redis:
            self.assertEqual(manifest["store"],
                             redis("HGET", "wp:meta", "store").decode())
        said = self.assert_fine("restore", copy, "--check")
        self.assertIn("is a whole copy", said)
        self.assertIn("--redis-dir", said)

        self.assert_accepted(self.user().send(bob))  # of which it knows nothing
        self.restore(copy)
        self.assertEqual(self.ids_of(bob), [])
        self.assert_status(alice.pull(), 401)
        self.assertIn("carol", self.assert_fine("account", "list"))
        answer = self.stack.http().request(
            "POST", "/api/auth/login", json.dumps(
                {"username": "carol", "password": made["password"]}),
            [("Content-Type", "application/json")])
        self.assert_status(answer, 200)
        for name, mode in (("waypost.db", 0o640), ("accounts.db", 0o600)):
            self.assertEqual(stat.S_IMODE(os.stat(
                self.stack.path(name)).st_mode), mode)

    def test_nothing_is_written_over(self):
        self.assert_fine("account", "create", "dave")
        copy = self.backup()
        redis = self.stack.path("redis")
        words = ("restore", copy, "--redis-dir", redis)
        self.assert_refused("is not empty", "backup", copy)
        self.assert_refused("a Redis answers", *words)
        self.assertEqual(self.stack.stop(), {})
        before = sorted(os.listdir(self.stack.state))
        status, said = self.run_waypost(*words)
        self.assertEqual(status, 1, said)
        for name in ("waypost.db", "accounts.db", "redis/appendonlydir"):
            self.assertIn(self.stack.path(name) + " is in the way", said)
        aside = self.lose_everything()
        for name in ("dump.rdb", "waypost-restore"):
            os.mkdir(os.path.join(redis, name))
            self.assert_refused(name + " is in the way", *words)
            self.assertEqual(os.listdir(redis), [name])
            os.rmdir(os.path.join(redis, name))
        # SQLite would take the log of another one for that of the copy.
        log = self.stack.path("waypost.db-wal")
        with open(log, "w", encoding="ascii"):
            pass
        self.assert_refused("waypost.db-wal is in the way", *words)
        os.unlink(log)
        self.assert_fine(*words, "--check")
        self.assertEqual(os.listdir(redis), [])
        self.put_back(aside)
        self.assertEqual(sorted(os.listdir(self.stack.state)), before)
        self.stack.start()

    @wants_namespaces
    def test_there_must_be_room_for_it(self):
        copy, folder = self.backup(), scratch()
        how = {"env": {"WAYPOST_STORE_SQLITE_PATH": folder + "/waypost.db"}}
        self.assert_fine("restore", copy, "--check", **how)
        self.assert_refused(
            folder + " has no room for", "restore", copy, "--check", **how,
            inside=in_shell("mount -t tmpfs -o size=64k none "
                            + shlex.quote(folder)))
        # On a host without it nobody knows.
        self.assert_fine("restore", copy, "--check", env={
            "WAYPOST_STORE_SQLITE_PATH": "/nonexistent/waypost.db"})

    def test_redis_may_be_on_another_host(self):
        port = free_port()
        with self.stack.redis() as redis:
            redis("CONFIG", "SET", "port", str(port))
            try:
                self.assert_fine("--redis", f"127.0.0.1:{port}", "backup",
                                 os.path.join(scratch(), "copy"))
            finally:
                redis("CONFIG", "SET", "port", "0")

    @unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
    def test_files_are_of_who_owns_the_folder(self):
        copy = self.backup()
        aside = self.lose_everything()
        # Each folder above must let the other user through.
        above = tempfile.mkdtemp(prefix="wpb", dir="/tmp")
        self.addCleanup(shutil.rmtree, above)
        os.chmod(above, 0o711)
        redis = os.path.join(above, "redis")
        os.mkdir(redis, 0o750)
        os.chown(redis, NOBODY, NOBODY)
        store = os.path.join(above, "store")
        os.mkdir(store, 0o750)
        os.chown(store, NOBODY, NOBODY)
        self.assert_fine(
            "restore", copy, "--redis-dir", redis,
            env={"WAYPOST_STORE_SQLITE_PATH": store + "/waypost.db"})
        made = os.path.join(redis, "appendonlydir")
        self.assertEqual(os.listdir(redis), ["appendonlydir"])
        self.assertEqual(os.listdir(store), ["waypost.db"])
        for path in (made, os.path.join(store, "waypost.db"),
                     *(os.path.join(made, name)
                       for name in os.listdir(made))):
            info = os.stat(path)
            self.assertEqual((info.st_uid, info.st_gid), (NOBODY, NOBODY))
        if os.path.exists(self.stack.path("accounts.db")):
            os.unlink(self.stack.path("accounts.db"))
        self.put_back(aside)
        self.stack.start()

    def test_a_store_that_is_not_there_yet_keeps_programs_from_starting(self):
        """So a restore that was cut off behind Redis is not served."""
        self.assert_fine("account", "create", "erin")
        copy = self.backup()
        self.lose_everything()
        folder = self.stack.path("redis")
        self.assert_fine("restore", copy, "--redis-dir", folder)
        os.unlink(self.stack.path("waypost.db"))
        self.stack.prepare()
        self.stack.programs["redis"].start()
        worker = self.stack.programs["worker-0"]
        worker.spawn()
        wait_for(lambda: not worker.is_running(), "the refusal")
        self.assertIn("is not there, but this deployment has a store",
                      self.stack.read_log("worker-0"))
        self.assertEqual(self.stack.stop(), {"worker-0": 1})
        shutil.rmtree(os.path.join(folder, "appendonlydir"))
        os.unlink(self.stack.path("accounts.db"))
        self.assert_fine("restore", copy, "--redis-dir", folder)
        self.stack.start()


class Broken(Backup):
    """What is no copy is not taken for one."""

    def setUp(self):
        if not os.path.exists(self.stack.path("accounts.db")):
            self.assert_fine("account", "create", "eve")

    def test_a_damaged_copy_is_found(self):
        copy = self.backup()
        for name in FILES:
            path = os.path.join(copy, name)
            with open(path, "r+b") as file:
                file.seek(os.path.getsize(path) // 2)
                byte = file.read(1)
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte[0] ^ 1]))
            self.assert_refused(name + " is not what it was", "restore", copy,
                                "--check")
            with open(path, "r+b") as file:
                file.seek(os.path.getsize(path) // 2)
                file.write(byte)
            os.rename(path, path + "-")
            self.assert_refused(name, "restore", copy, "--check")
            os.rename(path + "-", path)
        self.assert_fine("restore", copy, "--check")
        manifest = os.path.join(copy, "manifest.json")
        with open(manifest, encoding="utf-8") as file:
            text = file.read()
        for old, new, part in (
                ('"layout":2', '"layout":3', "layout 3"),
                ('"partitions":8', '"partitions":9', "9 partitions"),
                ('"format":1', '"format":2', "none that this Waypost"),
                ('"store":"', '"store":"0', "none that this Waypost"),
                ('"began":"2', '"began":"\\u001b', "none that this Waypost"),
                ("waypost.db", "../waypost.db", "none that this Waypost"),
                ('"accounts.db"', '"dump.rdb"', "none that this Waypost"),
                (text, "", "none that this Waypost"),
                (text, "[", "none that this Waypost")):
            self.assertIn(old, text)
            with open(manifest, "w", encoding="utf-8") as file:
                file.write(text.replace(old, new, 1))
            self.assert_refused(part, "restore", copy, "--check")

    def tools_with(self, name, script):
        """A PATH in which a tool is another one; {real}: the real one."""
        folder = scratch()
        path = os.path.join(folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n" + script.format(
                real=shutil.which(name)) + "\n")
        os.chmod(path, 0o755)
        return {"PATH": folder + ":" + os.environ["PATH"]}

    def test_nothing_is_left_of_a_restore_that_failed(self):
        copy = self.backup()
        redis = self.stack.path("redis")
        aside = self.lose_everything()
        for script, part in (
                ("echo oh; exit 3", "redis-server failed: oh"),
                # It does not find the copy.
                ("exec {real} \"$@\" --dbfilename other.rdb",
                 "Redis has 0 lasting keys, and the copy"),
                # It cannot write.
                ("exec {real} \"$@\" --appenddirname ../no/such/folder",
                 "redis-server failed")):
            self.assert_refused(part, "restore", copy, "--redis-dir", redis,
                                env=self.tools_with("redis-server", script))
            self.assertEqual(os.listdir(redis), [])
            self.assertFalse(os.path.exists(self.stack.path("waypost.db")))
        self.assert_refused("there is no redis-check-rdb", "restore", copy,
                            "--check", env={"PATH": scratch()})
        self.put_back(aside)
        self.stack.start()

    def test_what_was_cut_off_has_no_manifest(self):
        for fault, part in ((("redis-cli", "exit 1"), "redis-cli failed"),
                            (("redis-check-rdb", "echo no; exit 1"),
                             "redis-check-rdb failed: no"),
                            (("redis-check-rdb", "exit 0"),
                             "does not say how many keys")):
            copy = os.path.join(scratch(), "copy")
            self.assert_refused(part, "backup", copy,
                                env=self.tools_with(*fault))
            self.assert_refused("it has no manifest.json", "restore", copy,
                                "--check")
        copy = os.path.join(scratch(), "copy")
        self.assert_refused("there is no redis-cli", "backup", copy,
                            env={"PATH": scratch()})

    def test_a_user_who_may_not_copy_is_told_so(self):
        with self.stack.redis() as redis:
            redis("ACL", "SETUSER", "few", "on", ">pass", "~wp:*", "&wp:*",
                  "+@all", "-@dangerous", "+info", "+config|get")
        env = {"WAYPOST_REDIS_USERNAME": "few", "REDIS_PASSWORD": "pass"}
        self.assert_refused("redis-cli failed", "backup",
                            os.path.join(scratch(), "copy"), env=env)
        with self.stack.redis() as redis:
            redis("ACL", "SETUSER", "few", "+psync", "+sync", "+replconf")
        self.assert_fine("backup", os.path.join(scratch(), "copy"), env=env)

    def test_a_folder_that_others_can_read_is_refused(self):
        folder = scratch()
        os.chmod(folder, 0o755)
        self.assert_refused("is not ours alone", "backup", folder)
        self.assertEqual(os.listdir(folder), [])
        os.chmod(folder, 0o700)
        self.assert_fine("backup", folder)
        self.assert_refused("No such file or directory", "backup",
                            os.path.join(scratch(), "no", "folder"))


class Traffic:
    """One recipient, and who sends to him and acks for him."""

    def __init__(self, test, index):
        self.test = test
        self.user = test.user()
        self.alice = test.user()
        self.kind = index % 3  # 0: online, 1: away, 2: comes and goes
        self.socket = None
        self.accepted = []
        self.maybe = 0  # sends whose outcome nobody knows
        self.acked = set()  # or perhaps
        self.marks = {}  # how many were accepted when something happened
        self.is_over = False
        self.failure = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def mark(self, name):
        self.marks[name] = (len(self.accepted), set(self.acked))

    def _be_there(self, there):
        if there and self.socket is None:
            self.socket = self.user.connect()
            self.socket.expect("connected")
        elif not there and self.socket is not None:
            self.socket.abort()
            self.socket = None

    def _turn(self, number):
        self._be_there(self.kind == 0 or
                       (self.kind == 2 and number % 8 < 4))
        answer = self.alice.send(self.user, b"%d" % number)
        if answer.status == 202:
            self.accepted.append(answer.json()["id"])
        else:
            self.maybe += 1
        if number % 5 == 4:
            # The first ones stay, however long this goes on.
            page = self.user.pull(limit=8).json()["messages"]
            ids = [message["id"] for message in page[5:7]]
            self.acked.update(ids)
            self.user.ack(ids)

    def _run(self):
        number = 0
        try:
            while not self.is_over:
                self._turn(number)
                number += 1
            self._be_there(False)
        except Exception as error:  # the test tells it
            self.failure = error


class UnderLoad(Backup):
    def wait_for_sends(self, all_traffic, name, count):
        def sent():
            for traffic in all_traffic:
                if traffic.failure is not None:
                    raise traffic.failure
            return all(len(one.accepted) >= one.marks[name][0] + count
                       for one in all_traffic)
        wait_for(sent, "sends", 60 * SLOWNESS)

    def one_round(self):
        all_traffic = [Traffic(self, i) for i in range(RECIPIENTS)]
        for traffic in all_traffic:
            traffic.mark("start")
            traffic.thread.start()
        try:
            self.wait_for_sends(all_traffic, "start", BEFORE)
            self.cut_one_off()
            for traffic in all_traffic:
                traffic.mark("begin")
            copy = self.backup()
            for traffic in all_traffic:
                traffic.mark("end")
            self.wait_for_sends(all_traffic, "end", AFTER)
        finally:
            for traffic in all_traffic:
                traffic.is_over = True
            for traffic in all_traffic:
                traffic.thread.join(30 * SLOWNESS)
        self.restore(copy)
        for traffic in all_traffic:
            self.check(traffic)

    def cut_one_off(self):
        """A kill leaves what nobody takes for a copy, and harms nobody."""
        copy = os.path.join(scratch(), "copy")
        running = self.waypost("backup", copy, spawn=subprocess.Popen)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(random.random() * 0.2)
        running.send_signal(signal.SIGKILL)
        running.wait()
        running.stdout.close()
        if running.returncode != 0:
            self.assertEqual(self.run_waypost("restore", copy, "--check")[0],
                             1)

    def check(self, traffic):
        found = self.ids_of(traffic.user)
        n_before, _ = traffic.marks["begin"]
        n_end, acked_before_end = traffic.marks["end"]
        must = [one for one in traffic.accepted[:n_before]
                if one not in traffic.acked]
        may = set(traffic.accepted)
        self.assertEqual([one for one in must if one not in set(found)], [])
        self.assertEqual(len(found), len(set(found)), "one came twice")
        self.assertEqual(found, sorted(found), "out of order")
        self.assertLessEqual(len(set(found) - may), traffic.maybe)
        self.assertGreater(len(must), 0)
        self.assertGreater(len(acked_before_end), 0)
        self.assertGreater(len(traffic.accepted), n_end)
        self.assert_status(traffic.user.ack(found), 204)
        self.assertEqual(self.ids_of(traffic.user), [])

    def test_what_was_accepted_before_is_there_after_a_restore(self):
        for number in range(ROUNDS):
            with self.subTest(number):
                self.one_round()
