"""What tests of accounts stand on: stacks, the command line, and calls."""
import json
import os
import secrets
import subprocess

from harness import E2eTest, User, kept_stack, new_stack, wait_for

PASSWORD = "correct horse battery staple"
CODE = r"[a-z2-7]{26}"


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


# Stacks and what a sanitizer keeps about memory are larger, and mostly empty.
REGION_BYTES_MAX = 4 << 20


def memory_of(pid):
    """The heap of a process, and what else it has written that is small."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, \
            open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            begin, end = (int(word, 16)
                          for word in line.split()[0].split("-"))
            if "rw" in line and ("[heap]" in line or
                                 end - begin <= REGION_BYTES_MAX):
                memory.seek(begin)
                yield memory.read(end - begin)


class Accounts(E2eTest):
    """A stack of its own, with a file of accounts."""

    @classmethod
    def make_stack(cls):
        return new_stack({"accounts": cls.settings()})

    @property
    def file(self):
        return self.stack.path("accounts.db")

    @classmethod
    def settings(cls):
        """What else the section says."""
        return {}

    def tool(self, *words, said=None, env=None, noun="account"):
        """Status, standard output and standard error of `waypost account`."""
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), noun, *words],
            env={**self.stack.base_env,
                 "STORE_SECRET": self.stack.store_secret, **(env or {})},
            # As bytes: line ends stay what they are.
            input=said.encode() if isinstance(said, str) else said,
            capture_output=True, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def create(self, name, password=PASSWORD):
        """Make an account; what is told of it."""
        status, said, wrong = self.tool("create", name, "--json",
                                        "--password", "-", said=password)
        self.assertEqual(status, 0, wrong)
        return json.loads(said)

    def assert_refused(self, sentence, *words, **how):
        status, said, wrong = self.tool(*words, **how)
        self.assertEqual((status, said), (1, ""), wrong)
        self.assertIn(sentence, wrong)


class Routes(Accounts):
    """A stack on which accounts are on."""

    registration = "open"
    more = {}
    auth = {}
    mailbox = {}

    @classmethod
    def make_stack(cls):
        """Who has no wishes shares one."""
        if (cls.registration, cls.more, cls.auth, cls.mailbox) == (
                "open", {}, {}, {}):
            return kept_stack("accounts", cls.stack_of_accounts)
        return cls.stack_of_accounts()

    @classmethod
    def stack_of_accounts(cls):
        return new_stack({
            "accounts": {"enabled": True, "registration": cls.registration,
                         # Cheap: these tests are about what comes out.
                         "argon2_memory_kib": 7168, "argon2_passes": 1,
                         **cls.more},
            "auth": cls.auth,
            "mailbox": cls.mailbox,
        })

    def name(self):
        return "u" + secrets.token_hex(6)

    def post(self, path, body, token=None, headers=()):
        pairs = [("Content-Type", "application/json"), *headers]
        if token:
            pairs.append(("Authorization", "Bearer " + token))
        return self.stack.http().request("POST", path, json.dumps(body), pairs)

    def register(self, name=None, password=PASSWORD, **more):
        return self.post("/api/auth/register", {
            "username": name or self.name(), "password": password, **more})

    def login(self, name, password=PASSWORD, **more):
        return self.post("/api/auth/login", {
            "username": name, "password": password, **more})

    def press(self, name):
        """After five guesses: as if they had been fifteen, so that the next
        one may not be made for minutes, however slow this is."""
        with self.stack.redis() as ask:
            [key] = ask("KEYS", f"wp:{{*}}:login:urn:sm:user:{name}")
            n, *rest = ask("GET", key).split(b" ")
            self.assertEqual(n, b"5")
            ask("SET", key, b" ".join((b"15", *rest)), "KEEPTTL")

    def newcomer(self, **more):
        """A name, and the session that it got."""
        name = self.name()
        answer = self.register(name, **more)
        self.assert_status(answer, 201)
        return name, answer.json()

    def assert_lives(self, session):
        self.assert_status(self.pull(session), 200)

    def pull(self, session):
        return self.stack.http().request("GET", "/api/messages", None, [
            ("Authorization", "Bearer " + session["accessToken"])])

    def refresh(self, session):
        return self.post("/api/auth/refresh",
                         {"refreshToken": session["refreshToken"]})

    def user_of(self, name, session):
        return User(self.stack, name, token=session["accessToken"])

    def remembered(self, secrets):
        """Names of those that some process still has, wherever. What freed
        memory is used for overwrites its beginning: ends are looked for."""
        return sorted({
            name for pid in children_of(self.stack.programs["handlers"].pid)
            for part in memory_of(pid)
            for name, secret in secrets.items() if secret[-12:] in part})

    def assert_forgotten(self, **secrets):
        """Whoever has written an answer is about to forget it."""
        self.assertTrue(secrets)
        wait_for(lambda: not self.remembered(secrets),
                 lambda: f"{self.remembered(secrets)} are forgotten")

    def keep(self, secrets, prefix, answer, *members):
        """Note members of an answer among secrets, by prefix_member; what it
        says."""
        self.assertIn(answer.status, (200, 201), answer)
        for member in members:
            secrets[f"{prefix}_{member}"] = answer.json()[member].encode()
        return answer.json()
