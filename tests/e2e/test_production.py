"""run_mode production: an unfit Redis stops every program, by its setting."""
import os
import subprocess

from harness import (PROGRAMS, SLOWNESS, E2eTest, new_stack, scratch,
                     wait_for)

UNFIT = (
    ("maxmemory-policy", "allkeys-lru"),
    ("maxmemory-policy", "volatile-ttl"),
    ("appendfsync", "no"),
    ("no-appendfsync-on-rewrite", "yes"),
    ("stream-node-max-bytes", "4096"),
    ("appendonly", "no"),
    ("maxmemory", "0"),
)


class Production(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack()

    def start(self, name, *arguments, **env):
        """As run_beside(), in production."""
        return self.run_beside(name, *arguments, **{
            "WAYPOST_RUN_MODE": "production", "WAYPOST_ALLOW_ROOT": "1",
            **env})

    def test_unfit_redis_is_refused_with_the_setting_to_change(self):
        for setting, value in UNFIT:
            with self.stack.redis() as redis:
                fit = redis("CONFIG", "GET", setting)[1]
                redis("CONFIG", "SET", setting, value)
            for name in PROGRAMS:
                for arguments in ([], ["--check"]):
                    with self.subTest(f"{name} {arguments} {setting}"):
                        status, said = self.start(name, *arguments)
                        self.assertEqual(status, 1, said)
                        self.assertIn(setting, said.splitlines()[-1])
            with self.subTest(f"waypost {setting}"):
                status, said = self.start("waypost", "--check")
                self.assertEqual(status, 1, said)
                self.assertIn(setting, said.splitlines()[-1])
            with self.stack.redis() as redis:
                redis("CONFIG", "SET", setting, fit)
        # Until its new file is written Redis does not obey SIGTERM.
        wait_for(self.is_file_written, "the append-only file")

    def is_file_written(self):
        with self.stack.redis() as redis:
            state = redis("INFO", "persistence").decode().splitlines()
        return {"aof_rewrite_in_progress:0",
                "aof_rewrite_scheduled:0"} <= set(state)

    def test_fit_redis_passes(self):
        for name in [*PROGRAMS, "waypost"]:
            self.assertEqual(self.start(name, "--check")[0], 0, name)

    def test_missing_secrets_are_refused(self):
        for name in PROGRAMS:
            status, said = self.start(name, "--check", STORE_SECRET="")
            self.assertEqual(status, 1, said)
            self.assertIn("store_secret", said.splitlines()[-1])

    def refuse(self, part, **env):
        self.assert_all_refuse(self.start, part, **env)

    def test_a_store_in_the_folder_of_the_start_is_refused(self):
        self.refuse("store.sqlite_path: must be an absolute path",
                    WAYPOST_STORE_SQLITE_PATH="waypost.db")

    def test_one_text_for_both_secrets_is_refused(self):
        self.refuse("auth.store_secret: must not be the secret of tokens",
                    STORE_SECRET=self.stack.jwt_secret)
        self.refuse("auth.store_secret: must not be the secret of tokens",
                    JWT_SECRET_PREVIOUS="o" * 40 + " , "
                    + self.stack.store_secret)

    def test_root_is_refused(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        self.refuse("start it as user waypost", WAYPOST_ALLOW_ROOT="")

    def test_everysec_is_told_and_no_fault(self):
        with self.stack.redis() as redis:
            redis("CONFIG", "SET", "appendfsync", "everysec")
            try:
                for name in PROGRAMS:
                    status, said = self.start(name, "--check")
                    self.assertEqual(status, 0, said)
                    self.assertIn("redis syncs once a second", said)
                    status, said = self.start(
                        name, "--check", WAYPOST_REDIS_DURABILITY="memory")
                    self.assertEqual(status, 0, said)
                    self.assertNotIn("once a second", said)
            finally:
                redis("CONFIG", "SET", "appendfsync", "always")

    def test_a_redis_that_is_away_is_named(self):
        for address in ("unix:/nowhere/redis.sock", "127.0.0.1:1"):
            for name in PROGRAMS:
                status, said = self.start(name, "--check",
                                          WAYPOST_REDIS_ADDRESS=address)
                self.assertEqual(status, 1, said)
                self.assertIn("redis.address: cannot connect to Redis "
                              f"at {address}: ",
                              said.splitlines()[-1])

    def test_dead_letters_need_no_secret(self):
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), "dlq", "list"],
            env={**self.stack.base_env, "WAYPOST_RUN_MODE": "production",
                 "WAYPOST_AUTH_JWT_SECRET_FILE": "/nowhere/jwt",
                 "WAYPOST_AUTH_STORE_SECRET_FILE": "/nowhere/store"},
            capture_output=True, text=True, timeout=30 * SLOWNESS,
            check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (0, "waypost: there are no dead letters\n"))

    def said_at_once(self, name, *arguments, **env):
        status, said = self.start(name, *arguments, **env)
        self.assertEqual(status, 1, said)
        start = name + ": "
        return [line[len(start):] for line in said.splitlines()
                if line.startswith(start)]

    def test_all_that_is_wrong_is_told_at_once(self):
        bad = scratch() + "/bad.yaml"
        with open(bad, "w", encoding="utf-8") as file:
            file.write("nonsense: {a: [1, {b: c}]}\n"
                       "log: {level: loud, colour: [red]}\n"
                       "mailbox:\n"
                       "  partitions: many\n"
                       "  max_tries: [1, 2]\n"
                       "worker: {tick_ms: 5000}\n"
                       "store: {sqlite_path: waypost.db}\n")
        for arguments in (["--check"], []):
            lines = self.said_at_once(
                "waypost-worker", "--config", bad, *arguments,
                STORE_SECRET="short", WAYPOST_ALLOW_ROOT="",
                WAYPOST_REDIS_DATABASE="x")
            wanted = ["nonsense: ", "log.level: ", "log.colour: ",
                      "mailbox.partitions: ", "mailbox.max_tries: ",
                      "WAYPOST_REDIS_DATABASE: ", "start it as user",
                      "auth.store_secret: ", "worker.tick_ms: ",
                      "store.sqlite_path: "]
            if os.geteuid() != 0:
                wanted.remove("start it as user")
            self.assertEqual(len(lines), len(wanted), lines)
            for part, line in zip(wanted, lines):
                self.assertIn(part, line)

    def test_all_about_redis_and_the_store_is_told_at_once(self):
        with self.stack.redis() as redis:
            redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            redis("CONFIG", "SET", "no-appendfsync-on-rewrite", "yes")
            try:
                for name in PROGRAMS:
                    lines = self.said_at_once(
                        name, "--check", WAYPOST_MAILBOX_PARTITIONS="3",
                        WAYPOST_STORE_SQLITE_PATH="/nowhere/a.db")
                    for part, line in zip(("maxmemory-policy",
                                           "no-appendfsync-on-rewrite",
                                           "mailbox.partitions is 3",
                                           "store.sqlite_path"), lines,
                                          strict=True):
                        self.assertIn(part, line)
            finally:
                redis("CONFIG", "SET", "maxmemory-policy", "noeviction")
                redis("CONFIG", "SET", "no-appendfsync-on-rewrite", "no")

    def test_whatever_ends_a_start_all_else_is_told_with_it(self):
        """Who finds a fault first does not keep the others to himself."""
        first = {
            "auth.store_secret: must have": {"STORE_SECRET": "short"},
            "auth.public_key_files: ": {
                "WAYPOST_AUTH_PUBLIC_KEY_FILES": "/nowhere/key.pem"},
            "auth.jwt_secret: must have": {"JWT_SECRET": "short"},
        }
        with self.stack.redis() as redis:
            redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            try:
                for part, env in first.items():
                    for name in ("waypost-handlers", "waypost-ws"):
                        key, = PROGRAMS[name]
                        for arguments in ([], ["--check"]):
                            with self.subTest(f"{name} {arguments} {part}"):
                                lines = self.said_at_once(
                                    name, *arguments, **env,
                                    WAYPOST_STORE_SQLITE_PATH="/nowhere/a.db",
                                    **{key: "unix:/nowhere/a.sock"})
                                for each, line in zip((
                                        part, "no socket can be made in",
                                        "maxmemory-policy",
                                        "store.sqlite_path"), lines,
                                        strict=True):
                                    self.assertIn(each, line)
            finally:
                redis("CONFIG", "SET", "maxmemory-policy", "noeviction")

    def test_an_address_that_a_start_has_tried_is_told_once(self):
        for name in ("waypost-handlers", "waypost-ws"):
            key, = PROGRAMS[name]
            lines = self.said_at_once(
                name, WAYPOST_STORE_SQLITE_PATH="/nowhere/a.db",
                **{key: "unix:/nowhere/a.sock"})
            self.assertEqual(len(lines), 2, lines)
            self.assertIn("listen on /nowhere/a.sock", lines[0])
            self.assertIn("store.sqlite_path", lines[1])

    def test_who_cannot_be_asked_rightly_is_not_asked(self):
        with self.stack.redis() as redis:
            redis("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            try:
                lines = self.said_at_once(
                    "waypost-ws", STORE_SECRET="short",
                    WAYPOST_REDIS_PASSWORD_FILE="/nowhere/password")
            finally:
                redis("CONFIG", "SET", "maxmemory-policy", "noeviction")
        self.assertEqual(len(lines), 2, lines)
        self.assertIn("redis.password_file: ", lines[0])
        self.assertIn("auth.store_secret: ", lines[1])

    def test_without_an_address_and_a_socket_there_is_no_start(self):
        path = os.path.join(scratch(), "nowhere.yaml")
        with open(path, "w", encoding="ascii") as file:
            file.write('handlers: {listen: ""}\nwebsocket: {listen: ""}\n')
        for name in ("waypost-handlers", "waypost-ws"):
            key, = PROGRAMS[name]
            status, said = self.start(name, "--config", path, **{key: ""})
            self.assertEqual(status, 1, said)
            self.assertIn("there is nothing to listen on", said)

    def test_a_group_that_may_not_have_the_socket_is_refused(self):
        for name, section in (("waypost-handlers", "handlers"),
                              ("waypost-ws", "websocket")):
            key = f"WAYPOST_{section.upper()}_SOCKET_GROUP"
            for arguments in ([], ["--check"]):
                lines = self.said_at_once(name, *arguments,
                                          **{key: "no-such-group"})
                self.assertEqual(lines, [f"{section}.socket_group: there is "
                                         "no group no-such-group"])

    def test_a_check_looks_whether_it_could_listen(self):
        for name, listens in PROGRAMS.items():
            key, = listens
            lines = self.said_at_once(name, "--check",
                                      **{key: "unix:/nowhere/a.sock"})
            self.assertEqual(len(lines), 1, lines)
            self.assertIn("no socket can be made in /nowhere", lines[0])
