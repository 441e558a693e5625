"""Accounts: what an operator does with them."""
import json
import os
import re
import stat
import subprocess

from harness import E2eTest, in_threads, new_stack, scratch

PASSWORD = "correct horse battery staple"
CODE = r"[a-z2-7]{26}"


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

    def tool(self, *words, said=None, env=None):
        """Status, standard output and standard error of `waypost account`."""
        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), "account", *words],
            env={**self.stack.base_env,
                 "STORE_SECRET": self.stack.store_secret, **(env or {})},
            input=said, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

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


class CommandLine(Accounts):

    @classmethod
    def settings(cls):
        path = os.path.join(scratch(), "blocklist")
        with open(path, "w", encoding="ascii") as file:
            file.write("a password that everybody knows\nzz\n")
        os.chmod(path, 0o644)
        return {"blocklist_file": path}

    def test_an_account_is_made_and_what_belongs_to_it_shown_once(self):
        made = self.create("Alice")
        self.assertEqual(made["username"], "alice")
        self.assertRegex(made["recoveryCode"], f"^{CODE}$")
        self.assertNotIn("password", made)
        with open(self.file, "rb") as file:
            kept = file.read()
        self.assertNotIn(made["recoveryCode"].encode(), kept)
        self.assertNotIn(PASSWORD.encode(), kept)

    def test_who_gives_no_password_gets_one(self):
        status, said, wrong = self.tool("create", "bob")
        self.assertEqual(status, 0, wrong)
        self.assertRegex(said, f"^user name      bob\nrecovery code  {CODE}\n"
                               f"password       {CODE}\n$")
        first = re.findall(CODE, said)
        status, said, wrong = self.tool("create", "bob2", "--json")
        self.assertEqual(status, 0, wrong)
        made = json.loads(said)
        self.assertEqual(len({*first, made["password"],
                              made["recoveryCode"]}), 4)

    def test_the_file_is_its_owners_alone(self):
        self.create("carol")
        for name in (self.file, self.file + "-hash.lock"):
            self.assertEqual(stat.S_IMODE(os.stat(name).st_mode), 0o600)
        os.chmod(self.file, 0o644)
        self.addCleanup(os.chmod, self.file, 0o600)
        self.assert_refused("open to others", "enable", "carol")

    def test_of_several_who_want_a_name_one_gets_it(self):
        works = [lambda: self.tool("create", "dave", "--json")] * 6
        statuses = sorted(status for status, _, _ in in_threads(works))
        self.assertEqual(statuses, [0, 1, 1, 1, 1, 1])
        self.assert_refused("the name is taken", "create", "DAVE")

    def test_bad_names_and_passwords_are_refused_and_leave_nothing(self):
        for name, sentence in (("admin", "reserved"), ("Root", "reserved")):
            self.assert_refused(sentence, "create", name)
        for password, sentence in (
                ("fourteen chars", "at least 15 characters"),
                ("x" * 1025, "at most 1024 characters"),
                ("x" * 5000, "at most 1024 characters"),
                ("aaaaaaaaaaaaaaaaaaaa", "5 different"),
                ("passwordpassword", "again and again"),
                ("abcdefghijklmnopq", "sequence"),
                ("qwertyuiopasdfghj", "sequence"),
                ("A Password That Everybody Knows", "list of known"),
                ("a password that everybody knows2026", "list of known")):
            self.assert_refused(sentence, "create", "erin", "--password", "-",
                                said=password)
        self.assert_refused("besides the user name", "create",
                            "bartholomew", "--password", "-",
                            said="Bartholomew1999")
        self.create("erin")
        self.create("bartholomew")

    def test_a_list_that_cannot_be_looked_up_lets_nobody_by(self):
        path = os.path.join(scratch(), "list")
        with open(path, "w", encoding="ascii") as file:
            file.write("b\na\n")
        self.assert_refused("not sorted", "create", "frank", env={
            "WAYPOST_ACCOUNTS_BLOCKLIST_FILE": path})
        self.assert_refused("No such file", "create", "frank", env={
            "WAYPOST_ACCOUNTS_BLOCKLIST_FILE": path + "-"})

    def test_who_is_shut_out_may_be_let_in_again_but_not_who_is_deleted(self):
        self.create("grace")
        status, said, wrong = self.tool("disable", "grace")
        self.assertEqual((status, said, wrong),
                         (0, "grace may not log in any more; 0 sessions "
                             "ended\n", ""))
        status, said, _ = self.tool("enable", "grace")
        self.assertEqual((status, said), (0, "grace may log in\n"))
        status, _, wrong = self.tool("delete", "grace")
        self.assertEqual(status, 2)
        self.assertIn("say --yes", wrong)
        status, said, _ = self.tool("delete", "grace", "--yes")
        self.assertEqual((status, said),
                         (0, "grace is deleted; 0 sessions ended\n"))
        self.assert_refused("no such account", "enable", "grace")
        self.assert_refused("no such account", "disable", "nobody")
        self.assert_refused("the name is taken", "create", "grace")

    def test_a_hash_costs_what_the_settings_say(self):
        for memory, passes in ((7168, 1), (19456, 3)):
            name = f"cost{passes}"
            status, _, wrong = self.tool("create", name, env={
                "WAYPOST_ACCOUNTS_ARGON2_MEMORY_KIB": str(memory),
                "WAYPOST_ACCOUNTS_ARGON2_PASSES": str(passes)})
            self.assertEqual(status, 0, wrong)
        self.assert_refused("7168 to 1048576", "create", "cost",
                            env={"WAYPOST_ACCOUNTS_ARGON2_MEMORY_KIB": "64"})

    def test_the_store_is_no_file_of_accounts(self):
        self.assert_refused(
            "must not be the file of the cold store", "create", "henry",
            env={"WAYPOST_ACCOUNTS_SQLITE_PATH":
                 self.stack.path("waypost.db"),
                 "WAYPOST_STORE_SQLITE_PATH": self.stack.path("waypost.db")})
