"""People who have themselves told by e-mail: push.mode is live, and the server
that takes letters is ours, on loopback, so that nothing is encrypted."""
import email
import email.policy
import os
import re
import secrets
import sqlite3
import tempfile
import time
import unittest
from urllib.parse import urlsplit

from devkit.provider import FakeMail, why_not
from harness import PATIENCE_S, new_stack, wait_for
from test_push import PushTest

AFTER_S = 1
FROM = "waypost@here.example"
PUBLIC = "https://waypost.here.example/base"
BAD = ["", "bob", "@there.example", "bob@", "bob@localhost", "bob@127.0.0.1",
       "bob@[127.0.0.1]", "b ob@there.example", "<bob@there.example>",
       "bob@there.example, eve@there.example",
       "bob@there.example\r\nBcc: eve@there.example",
       "bob@there.example\nBcc: eve@there.example",
       "bob\r\nRCPT TO:<eve@there.example>\r\n@there.example",
       "bob@there.example\u0000", "b\u00f6b@there.example",
       "bob@b\u00fccher.example", "\"bob\"@there.example", "a" * 65 +
       "@there.example", "bob@" + "a" * 64 + ".example", "bob@a..example"]


class MailTest(PushTest):
    @classmethod
    def make_stack(cls):
        reason = why_not()
        if reason is not None:
            raise unittest.SkipTest(reason)
        cls.server = FakeMail()
        cls.addClassCleanup(lambda: cls.server.stop())
        return new_stack(cls.settings(), notifiers=cls.notifiers)

    @classmethod
    def settings(cls):
        return {"push": {"enabled": True, "mode": "live", "email": True,
                         "smtp_url": f"smtp://127.0.0.1:{cls.server.port}",
                         "email_from": FROM, "grace_ms": 100,
                         "email_after_seconds": AFTER_S,
                         # It begins with a tenth of that.
                         "rates": ["smtp=1000/1"], **cls.push},
                "public_url": PUBLIC,
                "notifier": {"drain_ms": 30000}, **cls.more}

    @classmethod
    def setUpClass(cls):
        if cls is MailTest:
            raise unittest.SkipTest("only a base")
        super().setUpClass()

    # ---- letters ----

    _seen = {}  # address -> letters

    def letters(self, user):
        for letter in self.server.letters():
            [to] = letter["to"]
            letter["mail"] = email.message_from_string(
                letter["text"], policy=email.policy.default)
            self._seen.setdefault(to, []).append(letter)
        return self._seen.get(user.address, [])

    def wait_letter(self, user, n=1):
        """The nth and last that came."""
        wait_for(lambda: len(self.letters(user)) >= n, f"{n} letters")
        self.assertEqual(len(self.letters(user)), n)
        return self.letters(user)[-1]

    def code_of(self, letter):
        [code] = re.findall(r"\b\d{8}\b", letter["mail"].get_content())
        return code

    def way_out(self, letter):
        """Path and query of the link that ends them."""
        url = letter["mail"]["List-Unsubscribe"].strip("<>")
        self.assertTrue(url.startswith(PUBLIC + "/api/"), url)
        parts = urlsplit(url.removeprefix(PUBLIC))
        return f"{parts.path}?{parts.query}"

    # ---- devices ----

    def with_address(self, **answer):
        user = self.user("mail")
        user.address = f"{user.name}.{secrets.token_hex(4)}@there.example"
        if answer:
            self.server.tell(user.address, **answer)
        user.device = self.register(user)
        return user

    def register(self, user, status=201):
        answer = user.call("POST", "/api/devices", {
            "kind": "email", "address": user.address})
        self.assert_status(answer, status)
        self.assert_common_headers(answer)
        device = answer.json()["device"]
        self.assertNotIn(user.address, answer.body.decode())
        return device["id"]

    def listed(self, user):
        [device] = user.call("GET", "/api/devices").json()["devices"]
        return device

    def verify(self, user, code, device=None):
        return user.call("POST", "/api/devices/verify",
                         {"id": device or user.device, "code": code})

    def verified(self):
        user = self.with_address()
        code = self.code_of(self.wait_letter(user))
        self.assert_status(self.verify(user, code), 200)
        return user

    def stop(self, path, method="POST",
             body="List-Unsubscribe=One-Click"):
        return self.stack.http().request(
            method, path, body if method == "POST" else None,
            [("Content-Type", "application/x-www-form-urlencoded")])

    def wrong(self, code):
        return f"{(int(code) + 1) % 10**8:08}"


class Mail(MailTest):
    def test_an_address_is_verified_and_told_and_ended(self):
        bob = self.with_address()
        self.assertEqual(self.listed(bob)["state"], "unverified")
        letter = self.wait_letter(bob)
        mail = letter["mail"]
        self.assertEqual(letter["from"], FROM)
        self.assertEqual(mail["From"], FROM)
        self.assertEqual(mail["To"], bob.address)
        self.assertEqual(mail["Auto-Submitted"], "auto-generated")
        self.assertEqual(mail.defects, [])
        code = self.code_of(letter)
        self.assertIn(code, mail["Subject"])

        self.assert_error(self.verify(bob, self.wrong(code)), 400,
                          "invalid_code")
        answer = self.verify(bob, code)
        self.assert_status(answer, 200)
        self.assertEqual(answer.json()["device"]["id"], bob.device)
        self.assertEqual(answer.json()["device"]["state"], "active")
        self.assert_status(self.verify(bob, code), 200)
        self.assertEqual(self.register(bob, 200), bob.device)

        before = time.time()
        self.send(bob)
        letter = self.wait_letter(bob, 2)
        self.assertGreaterEqual(letter["at"] / 1000, before + AFTER_S - 0.1)
        mail = letter["mail"]
        self.assertEqual(mail["Subject"], "New message")
        self.assertEqual(mail.get_content(),
                         "You have received a new secure message.")
        self.assertEqual(mail["List-Unsubscribe-Post"],
                         "List-Unsubscribe=One-Click")
        self.assertRegex(mail["Message-ID"],
                         r"^<[0-9a-f-]{36}@here\.example>$")
        self.assertNotIn(bob.urn, letter["text"])
        self.assertNotIn("sender", letter["text"])
        self.wait_answered(bob)
        wait_for(lambda: self.results(bob) == ["accepted"], "its result")
        # Once a day, and that was it.
        self.send(bob)
        wait_for(lambda: self.entry(bob) and not self.fields(bob).get("busy")
                 and self.entry(bob) > self.now_ms() + 3600 * 1000,
                 "he is put off")

        path = self.way_out(letter)
        self.assert_status(self.stop(path, "GET"), 200)
        self.assertEqual(self.listed(bob)["state"], "active")
        answer = self.stop(path)
        self.assert_status(answer, 200)
        self.assert_common_headers(answer)
        self.assertEqual(bob.call("GET", "/api/devices").json()["devices"], [])
        self.assert_status(self.stop(path), 200)
        self.assertEqual(len(self.letters(bob)), 2)

    def test_nothing_else_is_sent_before_its_code_came_back(self):
        bob = self.with_address()
        code = self.code_of(self.wait_letter(bob))
        self.send(bob)
        self.message_ids(bob, 1)
        self.assert_error(bob.call("POST", "/api/devices/test",
                                   {"id": bob.device}), 409, "unverified")
        self.assertEqual(len(self.letters(bob)), 1)
        # Then he is told of it.
        self.assert_status(self.verify(bob, code), 200)
        self.assertEqual(self.wait_letter(bob, 2)["mail"]["Subject"],
                         "New message")

    def test_what_waits_when_it_is_registered_does_not_hide_its_code(self):
        """The claim is to tell of a message, and the letter is not."""
        bob = self.user("mail")
        bob.address = f"{bob.name}@there.example"
        with self.notifiers_stopped():
            self.send(bob)
            bob.device = self.register(bob)
        code = self.code_of(self.wait_letter(bob))
        self.wait_answered(bob)
        self.assertNotIn("d:" + bob.device, self.fields(bob))
        self.assert_status(self.verify(bob, code), 200)
        self.assertEqual(self.wait_letter(bob, 2)["mail"]["Subject"],
                         "New message")

    def test_one_may_ask_whether_it_works(self):
        bob = self.verified()
        answer = bob.call("POST", "/api/devices/test", {"id": bob.device})
        self.assert_status(answer, 202)
        self.assertEqual(self.wait_letter(bob, 2)["mail"]["Subject"],
                         "New message")

    def test_a_code_is_guessed_at_five_times(self):
        bob = self.with_address()
        code = self.code_of(self.wait_letter(bob))
        for _ in range(5):
            self.assert_error(self.verify(bob, self.wrong(code)), 400,
                              "invalid_code")
        self.assert_error(self.verify(bob, code), 400, "invalid_code")
        self.register(bob, 200)
        another = self.code_of(self.wait_letter(bob, 2))
        self.assertNotEqual(another, code)
        self.assert_error(self.verify(bob, code), 400, "invalid_code")
        self.assert_status(self.verify(bob, another), 200)

    def test_who_did_not_get_it_gets_the_same_code_again_but_not_for_ever(self):
        bob, eve = self.with_address(), self.user("eve")
        code = self.code_of(self.wait_letter(bob))
        self.register(bob, 200)
        self.assertEqual(self.code_of(self.wait_letter(bob, 2)), code)
        # Whoever asks.
        eve.address = bob.address
        eve.device = self.register(eve)
        other = self.code_of(self.wait_letter(bob, 3))
        self.assert_error(self.verify(eve, code), 400, "invalid_code")
        for user in (bob, eve):
            answer = user.call("POST", "/api/devices", {
                "kind": "email", "address": bob.address})
            self.assert_error(answer, 429, "too_many_codes")
            self.assertGreater(int(answer.header("Retry-After")), 0)
            self.assertLessEqual(int(answer.header("Retry-After")), 86400)
        # And nobody takes it from anybody.
        self.assert_status(self.verify(bob, code), 200)
        self.assert_status(self.verify(eve, other), 200)
        self.assertEqual(self.listed(bob)["state"], "active")
        self.assertEqual(len(self.letters(bob)), 3)

    def test_a_code_is_of_its_device_alone(self):
        bob, amy = self.with_address(), self.with_address()
        code = self.code_of(self.wait_letter(bob))
        self.wait_letter(amy)
        self.assert_error(self.verify(amy, code), 400, "invalid_code")
        self.assert_error(self.verify(amy, code, bob.device), 400,
                          "invalid_code")
        self.assert_error(self.verify(bob, code, "A" * 22), 400,
                          "invalid_code")
        for body, wanted in (
                ({"id": bob.device}, "invalid_code"),
                ({"id": bob.device, "code": ""}, "invalid_code"),
                ({"id": bob.device, "code": code + "0"}, "invalid_code"),
                ({"id": bob.device, "code": int(code)}, "invalid_device"),
                ({"id": "x", "code": code}, "invalid_device"),
                ({"code": code}, "invalid_device"),
                ({"id": bob.device, "code": code, "x": 1}, "invalid_device"),
                ([], "invalid_device"), ("{", "invalid_json")):
            with self.subTest(str(body)):
                self.assert_error(bob.call("POST", "/api/devices/verify",
                                           body), 400, wanted)
        self.assertEqual(self.listed(bob)["state"], "unverified")

    def test_whatever_is_no_plain_address_is_refused(self):
        bob = self.user("mail")
        for address in BAD:
            with self.subTest(address):
                self.assert_error(bob.call("POST", "/api/devices", {
                    "kind": "email", "address": address}), 400,
                    "invalid_device")
        for body in ({"kind": "email"},
                     {"kind": "email", "token": "bob@there.example"},
                     {"kind": "email", "address": 1}):
            self.assert_error(bob.call("POST", "/api/devices", body), 400,
                              "invalid_device")
        self.assertEqual(bob.call("GET", "/api/devices").json()["devices"], [])
        self.assertEqual(self.redis_keys("wp:*:pushed:" + bob.urn), [])

    def test_the_host_of_an_address_is_the_same_in_any_case(self):
        bob = self.with_address()
        self.wait_letter(bob)
        upper = bob.address.replace("there.example", "THERE.Example")
        answer = bob.call("POST", "/api/devices",
                          {"kind": "email", "address": upper})
        self.assert_status(answer, 200)
        self.assertEqual(answer.json()["device"]["id"], bob.device)

    def test_only_what_was_in_a_letter_ends_anything(self):
        bob = self.verified()
        path = self.way_out(self.letters(bob)[0])
        base, token = path.split("=")
        forged = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
        for wrong in (base + "=" + forged, base + "=", base + "=" + bob.device,
                      base + "=" + token + "A", base.removesuffix("?t"),
                      f"{path}&t={token}", base + "=" + "%00" * 43):
            with self.subTest(wrong):
                self.assert_error(self.stop(wrong), 400, "bad_request")
            self.assert_error(self.stop(wrong, "GET"), 400, "bad_request")
        for method in ("PUT", "DELETE"):
            refused = self.stop(path, method)
            self.assertEqual(refused.status, 405)
            self.assertEqual(refused.header("Allow"), "GET, POST, OPTIONS")
        self.assertEqual(self.listed(bob)["state"], "active")
        # The body does not matter, nor that there is none.
        self.assert_status(self.stop(path, body=""), 200)
        self.assertEqual(bob.call("GET", "/api/devices").json()["devices"], [])

    def test_a_person_who_follows_the_link_gets_a_button(self):
        bob = self.verified()
        path = self.way_out(self.letters(bob)[0])
        page = self.stop(path, "GET")
        self.assert_status(page, 200)
        self.assert_common_headers(page)
        self.assertEqual(page.header("Content-Type"),
                         "text/html; charset=utf-8")
        self.assertIn("default-src 'none'",
                      page.header("Content-Security-Policy"))
        self.assertEqual(page.header("Referrer-Policy"), "no-referrer")
        # A form without an action goes to where it is from, t and all.
        self.assertIn(b'<form method="post">', page.body)
        self.assertEqual(self.listed(bob)["state"], "active")
        self.assert_status(self.stop(path), 200)
        self.assertEqual(bob.call("GET", "/api/devices").json()["devices"], [])

    def test_who_never_asked_for_a_code_can_end_that_too(self):
        bob = self.with_address()
        self.assert_status(self.stop(self.way_out(self.wait_letter(bob))), 200)
        self.assertEqual(bob.call("GET", "/api/devices").json()["devices"], [])

    def test_an_address_that_is_refused_is_suspect(self):
        bob = self.verified()
        self.server.tell(bob.address, rcpt=550)
        self.send(bob)
        wait_for(lambda: self.listed(bob)["state"] == "suspect", "suspicion")
        wait_for(lambda: self.results(bob) == ["failed"], "its result")
        self.assertEqual(self.listed(bob)["reason"], "recipient")

    def test_a_code_that_does_not_arrive_verifies_nothing(self):
        bob = self.with_address(rcpt=550)
        wait_for(lambda: self.results(bob) == ["failed"], "its result")
        self.assertEqual(self.listed(bob)["state"], "unverified")

    def test_a_code_is_sent_until_it_is_taken(self):
        bob = self.with_address(rcpt=450)
        wait_for(lambda: self.results(bob) == ["failed"], "its result")
        wait_for(lambda: self.entry(bob) and not self.fields(bob).get("busy")
                 and self.entry(bob) > self.now_ms(), "he is put off")
        self.assertEqual(self.fields(bob)["once"], bob.device + ":code")
        self.server.tell(bob.address)
        self.register(bob, 200)
        self.assert_status(self.verify(bob, self.code_of(
            self.wait_letter(bob))), 200)
        self.wait_answered(bob)
        self.assertNotIn("once", self.fields(bob))

    def test_no_address_code_or_link_is_anywhere(self):
        bob = self.with_address()
        letter = self.wait_letter(bob)
        code, path = self.code_of(letter), self.way_out(letter)
        self.verify(bob, self.wrong(code))
        self.assert_status(self.verify(bob, code), 200)
        self.send(bob)
        self.wait_letter(bob, 2)
        self.wait_answered(bob)
        self.assert_status(self.stop(path), 200)
        secret = [bob.address, code, path.split("=")[1]]
        for name in self.stack.programs:
            for text in secret:
                self.assertNotIn(text, self.stack.read_log(name))
        with sqlite3.connect(self.stack.path("waypost.db"),
                             timeout=30) as file:
            dump = "\n".join(file.iterdump())
        file.close()
        self.assertNotIn(bob.address, dump)
        self.assertNotIn(bob.address.encode().hex(), dump.lower())


class BesideAService(MailTest):
    """To which everybody is somebody who can be told."""
    more = {"bus": {"push": "redis"}}
    push = {"web_event": True}

    def test_who_is_verified_is_told_of_what_a_service_knew_before(self):
        bob = self.with_address()
        code = self.code_of(self.wait_letter(bob))
        self.send(bob)
        self.wait_asked(bob)
        self.wait_answered(bob)
        self.assert_status(self.verify(bob, code), 200)
        self.assertEqual(self.wait_letter(bob, 2)["mail"]["Subject"],
                         "New message")


class Known(MailTest):
    """The server asks who we are, and the operator says something else."""

    @classmethod
    def make_stack(cls):
        reason = why_not()
        if reason is not None:
            raise unittest.SkipTest(reason)
        cls.server = FakeMail(user="waypost", password="s3cret-of-smtp")
        cls.addClassCleanup(lambda: cls.server.stop())
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        text, password = folder + "/text", folder + "/password"
        with open(text, "w", encoding="utf-8") as file:
            file.write("Sie haben Post \u2013 in W\u00e4ypost\n\n"
                       "Gr\u00fc\u00dfe\n.\n")
        with open(password, "w", encoding="ascii") as file:
            os.chmod(password, 0o600)
            file.write("s3cret-of-smtp\n")
        cls.push = {"smtp_user": "waypost", "smtp_password_file": password,
                    "email_text_file": text}
        return new_stack(cls.settings(), notifiers=cls.notifiers)

    def test_the_text_is_the_operators_and_the_password_is_known(self):
        bob = self.verified()
        self.send(bob)
        letter = self.wait_letter(bob, 2)
        self.assertTrue(letter["known"])
        self.assertEqual(letter["mail"]["Subject"],
                         "Sie haben Post \u2013 in W\u00e4ypost")
        self.assertEqual(letter["mail"].get_content(),
                         "Gr\u00fc\u00dfe\r\n.\r\n")
        self.assertTrue(letter["text"].isascii())
        for name in self.stack.programs:
            self.assertNotIn("s3cret-of-smtp", self.stack.read_log(name))


class Off(PushTest):
    push = {"apps": []}

    def test_no_address_is_registered_where_that_is_off(self):
        bob = self.user("mail")
        self.assert_error(bob.call("POST", "/api/devices", {
            "kind": "email", "address": "bob@there.example"}), 403,
            "kind_disabled")

    def test_what_letters_need_is_demanded_at_the_start(self):
        good = {"SMTP_URL": "smtps://mail.here.example", "EMAIL_FROM": FROM,
                "PUBLIC_URL": PUBLIC}
        for name, value in (("SMTP_URL", ""), ("SMTP_URL", "mail.here.example"),
                            ("SMTP_URL", "smtps://u:p@mail.here.example"),
                            ("SMTP_PASSWORD", None),
                            ("EMAIL_FROM", ""), ("EMAIL_FROM", "Way <a@b.c>"),
                            ("PUBLIC_URL", ""), ("PUBLIC_URL", PUBLIC + "?x"),
                            ("EMAIL_TEXT_FILE", "/nowhere/text"),
                            ("CA_FILE", os.path.abspath(__file__))):
            for arguments in ([], ["--check"]):
                with self.subTest(name, value=value, arguments=arguments):
                    # A user without a password is for the row without one.
                    wrong = ({"SMTP_USER": "waypost"} if value is None
                             else {name: value})
                    status, said = self.start_with({**good, **wrong},
                                                   *arguments)
                    self.assertEqual(status, 1, said)
                    section = "" if name == "PUBLIC_URL" else "push."
                    self.assertIn(section + name.lower() + ": ",
                                  said.splitlines()[-1])
        self.assertEqual(self.start_with({**good}, "--check")[0], 0)

    def test_in_production_the_link_in_a_letter_is_https(self):
        good = {"SMTP_URL": "smtps://mail.here.example", "EMAIL_FROM": FROM,
                "PUBLIC_URL": "http://waypost.here.example"}
        status, said = self.start_with(
            good, "--check", WAYPOST_RUN_MODE="production",
            WAYPOST_ALLOW_ROOT="1")
        self.assertEqual(status, 1, said)
        self.assertIn("public_url: must be https", said.splitlines()[-1])

    def start_with(self, settings, *arguments, **env):
        return self.run_beside(
            "waypost-notifier", *arguments, **env, WAYPOST_PUSH_MODE="live",
            WAYPOST_PUSH_EMAIL="true",
            WAYPOST_PUBLIC_URL=settings.pop("PUBLIC_URL"),
            **{"WAYPOST_PUSH_" + name: value
               for name, value in settings.items()})
