"""Who comes in, who does not, and how much of a machine tries may take."""
import fcntl
import itertools
import json
import os
import signal
import sqlite3
import struct
import threading
import time

from accounts import PASSWORD, Routes, children_of
from harness import in_threads, wait_for


class LoggingIn(Routes):

    def test_a_wrong_name_and_a_wrong_password_are_one(self):
        name, _ = self.newcomer()
        wrong = self.login(name, "a wrong password, really")
        nobody = self.login(self.name(), "a wrong password, really")
        for answer in (wrong, nobody):
            self.assert_error(answer, 401, "invalid_credentials")
        self.assertEqual(wrong.body, nobody.body)

    def test_guesses_are_counted_for_names_that_exist_and_others(self):
        name, session = self.newcomer()
        for who in (name, self.name()):
            for _ in range(5):
                self.assert_error(self.login(who, "a wrong password, really"),
                                  401)
            self.press(who)
            answer = self.login(who, "a wrong password, really")
            self.assert_error(answer, 429, "too_many_attempts")
        # Not even the right one is tried, but from a device that was here.
        self.assert_error(self.login(name), 429)
        known = {"deviceId": session["deviceId"],
                 "deviceProof": session["deviceProof"]}
        self.assert_error(self.login(name, deviceId="another",
                                     deviceProof=session["deviceProof"]), 429)
        came = self.login(name, **known)
        self.assert_status(came, 200)
        self.assertEqual(came.json()["deviceId"], session["deviceId"])

    def test_the_log_says_what_happened_and_not_to_whom(self):
        def about(mark):
            lines = [json.loads(line) for line
                     in self.stack.read_log("handlers").splitlines()]
            return [(line["event"], line["address"]) for line in lines
                    if line.get("account") == mark]

        def mark_of(request):
            for line in self.stack.read_log("handlers").splitlines():
                if '"event":"logged_in"' in line and request in line:
                    return json.loads(line)["account"]
            return None

        name, other = self.name(), self.name()
        answers = [self.register(name), self.register(other)]
        marks = [wait_for(lambda id=answer.header("X-Request-Id"):
                          mark_of(id), "its line") for answer in answers]
        self.assertRegex(marks[0], "^[0-9a-f]{8}$")
        self.assertNotEqual(*marks)
        self.login(name, PASSWORD + "r")
        session = self.login(name).json()
        self.post("/api/auth/logout",
                  {"refreshToken": session["refreshToken"]})

        def is_wrong_code_told():
            """Of a crowd of wrong ones only some are."""
            self.post("/api/auth/password/reset", {
                "username": name, "code": "a" * 26,
                "newPassword": "correct horse battery stable"})
            return ("wrong_code", "") in about(marks[0])
        wait_for(is_wrong_code_told, "a line of the code")
        self.post("/api/auth/recovery", {"password": PASSWORD},
                  answers[0].json()["accessToken"])
        self.post("/api/auth/account/delete", {"password": PASSWORD},
                  answers[0].json()["accessToken"])
        wait_for(lambda: ("deleted", "") in about(marks[0]), "the last line")
        told = [line for line, _ in itertools.groupby(about(marks[0]))]
        self.assertEqual(told, [(event, "") for event in (
            "registered", "logged_in", "wrong_password", "logged_in",
            "logged_out", "wrong_code", "recovery_set", "deleted")])

    def test_of_guesses_at_once_only_so_many_are_hashed(self):
        name, _ = self.newcomer()
        works = [lambda: self.login(name, "a wrong password, really")] * 40
        start = time.monotonic()
        statuses = [answer.status for answer in in_threads(works)]
        # One more after a second, after three, after seven, …
        more = int(time.monotonic() - start + 1).bit_length() - 1
        self.assertLessEqual(statuses.count(401), 5 + more)
        self.assertGreaterEqual(statuses.count(429), 30 - more)

    def test_one_device_has_one_session(self):
        name, first = self.newcomer(deviceId="phone")
        second = self.login(name, deviceId="phone").json()
        self.assert_error(self.refresh(first), 401, "session_ended")
        self.assert_status(self.refresh(second), 200)

    def test_a_dearer_hash_takes_the_place_of_a_cheap_one(self):
        name = self.name()
        self.assertEqual(self.tool("create", name, "--password", "-",
                                   said=PASSWORD, env={
                                       "WAYPOST_ACCOUNTS_ARGON2_PASSES": "2",
                                   })[0], 0)
        self.assert_status(self.login(name), 200)
        with sqlite3.connect(self.file, timeout=30) as file:
            cost = file.execute("SELECT m, t FROM account WHERE name = ?",
                                (name,)).fetchone()
        file.close()
        self.assertEqual(cost, (7168, 1))
        self.assert_status(self.login(name), 200)

    def test_a_locked_file_is_no_wrong_password(self):
        name, session = self.newcomer()
        file = sqlite3.connect(self.file, timeout=30, isolation_level=None)
        self.addCleanup(file.close)
        file.execute("BEGIN IMMEDIATE")
        self.assert_error(self.login(name), 503, "unavailable")
        self.assert_error(self.register(), 503, "unavailable")
        # Reading waits for nobody, and sends and pulls need no accounts.
        self.assert_error(self.login(name, "a wrong password, really"), 401)
        self.assert_lives(session)
        self.assert_status(self.refresh(session), 200)
        file.execute("ROLLBACK")
        self.assert_status(self.login(name), 200)


class Timing(Routes):
    """Who has an account is not to be told from how long a try takes."""

    def test_a_name_that_exists_takes_no_longer_to_be_refused(self):
        tries = 40
        known = [self.newcomer()[0] for _ in range(tries)]
        took = {True: [], False: []}
        for name in known:
            for is_known in (True, False):
                begin = time.perf_counter()
                answer = self.login(name if is_known else self.name(),
                                    "a wrong password, really")
                took[is_known].append(time.perf_counter() - begin)
                self.assertEqual(answer.status, 401)
        # Mann and Whitney: how often is one above the other? Far from half of
        # all pairs only when there is something to see.
        above = sum(a > b for a in took[True] for b in took[False])
        mean = tries * tries / 2
        deviation = (tries * tries * (2 * tries + 1) / 12) ** 0.5
        self.assertLess(abs(above - mean), 5 * deviation,
                        {key: sorted(times)[tries // 2]
                         for key, times in took.items()})


class Crowded(Routes):
    """Hashes that take their time, and one at a time."""

    more = {"hash_slots": 1, "argon2_memory_kib": 19456, "argon2_passes": 8}

    def hold_slot(self):
        """Lock the byte of the slot, as another process would."""
        file = open(self.file + "-hash.lock", "r+b", buffering=0)
        self.addCleanup(file.close)
        lock = struct.pack("hhqqi", fcntl.F_WRLCK, os.SEEK_SET, 0, 1, 0)

        def have_it():
            try:
                fcntl.fcntl(file, 37, lock)  # F_OFD_SETLK
                return True
            except BlockingIOError:
                return False
        wait_for(have_it, "the slot")
        return file

    def test_who_finds_no_slot_is_told_to_come_again(self):
        name, session = self.newcomer()
        file = self.hold_slot()
        self.assert_error(self.login(name), 503, "overloaded")
        works = [lambda: self.login(self.name())] * 12
        for answer in in_threads(works):
            self.assert_error(answer, 503, "overloaded")
        self.assert_lives(session)
        file.close()
        self.assert_status(self.login(name), 200)

    def test_a_flood_of_logins_leaves_others_alone(self):
        name, session = self.newcomer()
        user = self.user_of(name, session)
        is_over = threading.Event()

        def flood():
            while not is_over.is_set():
                self.login(self.name())
        works = [threading.Thread(target=flood) for _ in range(8)]
        for work in works:
            work.start()
        try:
            for _ in range(30):
                self.assert_accepted(user.send(name, b"x"))
                self.assert_status(user.pull(), 200)
        finally:
            is_over.set()
            for work in works:
                work.join()

    def test_a_process_killed_inside_a_hash_holds_nobody_up(self):
        name, _ = self.newcomer()
        work = threading.Thread(target=lambda: self.login(name), daemon=True)
        work.start()

        def is_hashing():
            with open("/proc/locks", encoding="ascii") as file:
                inode = os.stat(self.file + "-hash.lock").st_ino
                return any(f":{inode} 0 0" in line for line in file)
        wait_for(is_hashing, "a hash")
        pool = self.stack.programs["handlers"].pid
        for pid in children_of(pool):
            os.kill(pid, signal.SIGKILL)
        work.join()
        self.wait_all_ready()
        self.assert_status(self.login(name), 200)
