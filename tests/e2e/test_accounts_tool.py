"""What an operator does with accounts and their sessions, by `waypost`."""
import json
import os
import re
import secrets
import sqlite3
import stat

from accounts import CODE, PASSWORD, Accounts, Routes
from harness import User, in_threads, scratch, wait_for


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
        # However long one must be.
        status, said, wrong = self.tool("create", "bob3", "--json", env={
            "WAYPOST_ACCOUNTS_MIN_PASSWORD_LENGTH": "128"})
        self.assertEqual(status, 0, wrong)
        self.assertRegex(json.loads(said)["password"], "^[a-z2-7]{130}$")

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
                         (0, "grace may not log in any more; sessions "
                             "ended: 0\n", ""))
        status, said, _ = self.tool("enable", "grace")
        self.assertEqual((status, said), (0, "grace may log in\n"))
        status, _, wrong = self.tool("delete", "grace")
        self.assertEqual(status, 2)
        self.assertIn("say --yes", wrong)
        status, said, _ = self.tool("delete", "grace", "--yes")
        self.assertEqual((status, said),
                         (0, "grace is deleted; sessions ended: 0\n"))
        # Whoever was cut off repeats it.
        self.assertEqual(self.tool("delete", "grace", "--yes")[0], 0)
        self.assert_refused("no such account, or it is deleted", "enable",
                            "grace")
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

    def test_another_file_gets_no_account_that_nobody_sees(self):
        self.create("nora")
        other = self.stack.path("other.db")
        self.addCleanup(lambda: os.path.exists(other) and os.unlink(other))
        env = {"WAYPOST_ACCOUNTS_SQLITE_PATH": other}
        commands = (("create", "otto"), ("enable", "nora"), ("disable", "nora"),
                    ("reset-code", "nora"))
        for words in commands:
            self.assert_refused("but this deployment has a file of accounts",
                                *words, env=env)
            self.assertFalse(os.path.exists(other))
        with sqlite3.connect(self.file) as mine, \
                sqlite3.connect(other) as its:
            mine.backup(its)
            its.execute("UPDATE note SET value = ? WHERE name = 'id'",
                        (secrets.token_hex(16),))
        os.chmod(other, 0o600)
        for words in commands:
            self.assert_refused("is not the file of this deployment", *words,
                                env=env)
        with sqlite3.connect(other) as its:
            self.assertEqual(its.execute(
                "SELECT name, state FROM account WHERE name IN "
                "('nora', 'otto')").fetchall(), [("nora", 0)])

    def test_another_secret_makes_no_account(self):
        self.create("olga")
        for secret in ("another secret of 32 bytes or more", ""):
            self.assert_refused("auth.store_secret is not the one", "create",
                                "oscar", env={"STORE_SECRET": secret})
        self.assertFalse(os.path.exists(self.stack.path("waypost.db-secret")))
        self.create("oscar")
        for arguments in ([], ["--check"]):
            status, said = self.run_beside(
                "waypost-handlers", *arguments, WAYPOST_ACCOUNTS_ENABLED="true",
                STORE_SECRET="another secret of 32 bytes or more")
            self.assertEqual(status, 1)
            self.assertIn("auth.store_secret is not the one",
                          said.splitlines()[-1])

    def test_handlers_refuse_another_file_and_make_none(self):
        self.create("paula")
        other = os.path.join(scratch(), "other.db")
        env = {"WAYPOST_ACCOUNTS_SQLITE_PATH": other,
               "WAYPOST_ACCOUNTS_ENABLED": "true"}
        for sentence in ("but this deployment has a file of accounts",
                         "is not the file of this deployment"):
            for arguments in ([], ["--check"]):
                status, said = self.run_beside("waypost-handlers", *arguments,
                                               **env)
                self.assertEqual(status, 1, said)
                self.assertIn(sentence, said.splitlines()[-1])
            self.assertIs(os.path.exists(other), "is not" in sentence)
            with sqlite3.connect(self.file) as mine, \
                    sqlite3.connect(other) as its:
                mine.backup(its)
                its.execute("UPDATE note SET value = ? WHERE name = 'id'",
                            (secrets.token_hex(16),))
            os.chmod(other, 0o600)

    def test_a_list_has_all_of_them_page_by_page(self):
        self.create("aaa")
        with sqlite3.connect(self.file) as file:
            file.executemany(
                "INSERT INTO account SELECT ?1, randomblob(16), 'urn:sm:user:' "
                "|| ?1, ?2, m, t, salt, tag, NULL, 1700000000, 1700000000 "
                "FROM account WHERE name = 'aaa'",
                [(f"many-{i:04d}", i % 3) for i in range(1200)])
        status, said, wrong = self.tool("list", "--json")
        self.assertEqual(status, 0, wrong)
        accounts = json.loads(said)["accounts"]
        names = [account["username"] for account in accounts]
        self.assertEqual(names, sorted(set(names)))
        self.assertEqual([account["state"] for account in accounts
                          if account["username"].startswith("many-")],
                         ["active", "disabled", "deleted"] * 400)
        self.assertEqual(accounts[-1], {
            "username": "many-1199", "user": "urn:sm:user:many-1199",
            "state": "deleted", "createdAt": "2023-11-14T22:13:20Z"})
        status, said, wrong = self.tool("list")
        self.assertEqual((status, said.count("\n")), (0, len(names)), wrong)
        self.assertIn("\nmany-1199\tdeleted\t2023-11-14T22:13:20Z\n", said)
        with sqlite3.connect(self.file) as file:
            file.execute("DELETE FROM account WHERE name LIKE 'many-%'")

    def test_the_store_is_no_file_of_accounts(self):
        self.assert_refused(
            "must not be the file of the cold store", "create", "henry",
            env={"WAYPOST_ACCOUNTS_SQLITE_PATH":
                 self.stack.path("waypost.db"),
                 "WAYPOST_STORE_SQLITE_PATH": self.stack.path("waypost.db")})


class Operator(Routes):
    """With accounts that somebody uses."""

    def test_an_operator_unlocks(self):
        name, _ = self.newcomer()
        for _ in range(5):
            self.login(name, "a wrong password, really")
        self.press(name)
        self.assert_error(self.login(name), 429)
        status, said, wrong = self.tool("unlock", name)
        self.assertEqual((status, said), (0, name + " may try again\n"), wrong)
        self.assert_status(self.login(name), 200)

    def test_a_file_of_before_learns_its_secret_by_a_login(self):
        name, _ = self.newcomer()
        noted = self.noted()
        with sqlite3.connect(self.file, timeout=30) as file:
            file.execute("DELETE FROM note WHERE name = 'pepper'")
        file.close()
        # Processes that have seen it noted need not look again.
        self.stack.restart("handlers")
        self.login(name, "a wrong password, really")
        self.assertEqual(self.noted(), [])
        self.assert_status(self.login(name), 200)
        self.assertEqual(self.noted(), noted)
        self.assertEqual(len(noted), 1)

    def test_a_password_ends_where_its_line_does(self):
        path = os.path.join(scratch(), "password")
        for ending in ("", "\n", "\r\n"):
            for source in ("-", path):
                name = self.name()
                with open(path, "w", encoding="ascii", newline="") as file:
                    file.write(PASSWORD + ending)
                status, _, wrong = self.tool(
                    "create", name, "--password", source,
                    said=(PASSWORD + ending).encode())
                self.assertEqual(status, 0, wrong)
                with self.subTest(ending=ending, source=source):
                    self.assert_status(self.login(name), 200)
        for said, sentence in ((b"", "is empty"), (b"\r\n", "is empty"),
                               (b"A password with\0a NUL", "NUL byte"),
                               (b"x" * 1024 + b"\r\nmore", "at most 1024")):
            self.assert_refused(sentence, "create", self.name(), "--password",
                                "-", said=said)

    def test_it_is_said_how_long_a_revocation_is_remembered(self):
        name, session = self.newcomer()
        with self.stack.redis() as redis:
            [key] = redis("KEYS", f"wp:*:sessions:{session['user']}")
            lives = key.split(b"sessions:")[0] + b"lives"
        for kept_s, words, hours in (
                (600, ("--user", session["user"]), 24),
                (100000, ("--user", session["user"]), 27),
                (600, ("--issuer", "waypost", "--session", "0" * 32), 24)):
            with self.stack.redis() as redis:
                redis("SET", lives, str(kept_s))
            status, said, wrong = self.tool("revoke", *words, noun="session")
            self.assertEqual((status, wrong), (0, ""))
            self.assertIn(f"; remembered for {hours} hours\n", said)

    def test_an_issuer_that_nobody_knows_is_refused(self):
        words = ("revoke", "--issuer", "https://id.example/",
                 "--subject", "7")
        env = {"WAYPOST_AUTH_ISSUERS":
               "https://id.example aud=a ns=shop,https://b.example aud=* ns=b"}
        self.assert_refused(
            "those that are named: https://id.example https://b.example "
            "waypost\n", *words, noun="session", env=env)
        self.assert_refused("those that are named: waypost\n", *words,
                            noun="session")
        for more, known in ((("--yes",), words[2]), ((), "https://id.example"),
                            ((), "https://b.example"), ((), "waypost"),
                            ((), "")):
            status, said, wrong = self.tool(
                *words[:2], known, *words[3:], *more, noun="session", env=env)
            self.assertEqual((status, wrong), (0, ""), known)
            self.assertTrue(said.startswith("revoked: "))

    def test_a_user_is_named_by_his_urn_as_well(self):
        name, session = self.newcomer()
        self.assertEqual([row["id"] for row in self.sessions_of(
            session["user"])], [session["sessionId"]])
        self.assertEqual(self.tool("disable", session["user"])[0], 0)
        self.assertEqual(self.sessions_of(name), [])

    def noted(self):
        with sqlite3.connect(self.file, timeout=30) as file:
            rows = file.execute("SELECT value FROM note WHERE name = "
                                "'pepper'").fetchall()
        file.close()
        return rows

    def test_who_is_shut_out_has_no_session_and_gets_none(self):
        name, session = self.newcomer()
        status, said, wrong = self.tool("disable", name)
        self.assertEqual((status, said), (0, f"{name} may not log in any more; "
                                             "sessions ended: 1\n"), wrong)
        self.assert_error(self.login(name), 401, "invalid_credentials")
        self.assert_error(self.refresh(session), 401, "session_ended")
        self.assertEqual(self.tool("enable", name)[0], 0)
        self.assert_status(self.login(name), 200)

    def test_what_was_cut_off_behind_the_file_is_done_by_repeating_it(self):
        for words, state in ((("disable",), 1), (("delete", "--yes"), 2)):
            name, session = self.newcomer()
            user = User(self.stack, session["user"], session["accessToken"])
            self.assert_status(user.pull(), 200)
            with sqlite3.connect(self.file, timeout=30) as file:
                file.execute("UPDATE account SET state = ? WHERE name = ?",
                             (state, name))
                file.execute("DELETE FROM session WHERE name = ?", (name,))
            file.close()
            for sessions in (1, 0):  # and once more behind the second step
                with self.stack.redis() as redis:
                    redis("DEL", "wp:revoked")
                status, said, wrong = self.tool(words[0], name, *words[1:])
                self.assertEqual((status, wrong), (0, ""))
                self.assertIn(f"; sessions ended: {sessions}\n", said)
                with self.stack.redis() as redis:
                    self.assertEqual(redis("XLEN", "wp:revoked"),
                                     1 + sessions)
            wait_for(lambda: user.pull().status == 401, "it is revoked")
            self.assert_error(self.refresh(session), 401, "session_ended")

    def sessions_of(self, name):
        status, said, wrong = self.tool("list", name, "--json", noun="session")
        self.assertEqual((status, wrong), (0, ""))
        return json.loads(said)["sessions"]

    def revoke(self, *words):
        """How many sessions of our own have ended."""
        status, said, wrong = self.tool("revoke", *words, noun="session")
        self.assertEqual((status, wrong), (0, ""))
        return int(re.search(r"^sessions of our own that ended: (\d+)$", said,
                             re.M)[1])

    def test_an_operator_sees_where_somebody_is_logged_in(self):
        device = "Zo\u00eb's \"good\" phone"
        name, session = self.newcomer(deviceId="phone", deviceName=device)
        row, = self.sessions_of(name)
        self.assertRegex(row.pop("createdAt"), r"^\d{4}-\d\d-\d\dT.{8}Z$")
        self.assertRegex(row.pop("lastUsedDay"), r"^\d{4}-\d\d-\d\d$")
        self.assertEqual(row, {
            "id": session["sessionId"], "deviceId": "phone",
            "deviceName": device, "halfEnded": False})
        _, said, _ = self.tool("list", name, noun="session")
        self.assertRegex(said, f"^{session['sessionId']}\t20.*Z\t20.*\tphone\t"
                               "Zo\u00eb's \"good\" phone\n")
        # What an end that was cut off has left is told of, and ended.
        with sqlite3.connect(self.file, timeout=30) as file:
            file.execute("DELETE FROM session WHERE name = ?", (name,))
        file.close()
        self.assertEqual(self.sessions_of(name), [
            {"id": session["sessionId"], "halfEnded": True}])
        _, said, _ = self.tool("list", name, noun="session")
        self.assertIn("ended by half", said)
        self.assertEqual(self.revoke("--user", name), 1)
        self.assertEqual(self.sessions_of(name), [])
        status, said, wrong = self.tool("list", "nobody", noun="session")
        self.assertEqual((status, said), (1, ""))
        self.assertIn("no such account", wrong)

    def test_what_an_operator_revokes_is_not_refreshed(self):
        ours = ("--issuer", "waypost")
        for whom in ("user", "subject", "name", "session", "SESSION"):
            name, session = self.newcomer()
            other = self.login(name).json()
            user = User(self.stack, session["user"], session["accessToken"])
            self.assert_status(user.pull(), 200)
            words = {
                "user": ("--user", session["user"]),
                "subject": (*ours, "--subject", session["user"]),
                "name": (*ours, "--subject", name),
                "session": (*ours, "--session", session["sessionId"]),
                "SESSION": (*ours, "--session", session["sessionId"].upper()),
            }[whom]
            with self.subTest(whom=whom):
                is_one = whom.lower() == "session"
                self.assertEqual(self.revoke(*words), 1 if is_one else 2)
                self.assert_error(self.refresh(session), 401, "session_ended")
                wait_for(lambda u=user: u.pull().status == 401, "it is revoked")
                if is_one:
                    self.assert_status(self.refresh(other), 200)
                else:
                    self.assert_error(self.refresh(other), 401,
                                      "session_ended")
                # It may be said again.
                self.assertEqual(self.revoke(*words), 0)
