"""POST /api/send: what is accepted, in which form it arrives, what is not."""
import base64
import json
import time

from harness import E2eTest, WEB, envelope, wait_for

ENVELOPE_LIMIT = 262144


class Accepted(E2eTest):
    def test_answer_has_an_id_and_says_how_durable_it_is(self):
        answer = self.user().send(self.user())

        self.assert_accepted(answer)
        self.assertEqual(answer.header("X-Durability"), "fsync")

    def test_alias_is_the_same_route(self):
        alice, bob = self.user(), self.user()

        answer = alice.call("POST", "/send", envelope(bob.urn))

        self.assertEqual(self.message_ids(bob, 1),
                         [self.assert_accepted(answer)])

    def test_envelope_arrives_in_canonical_form(self):
        bob = self.user()
        body = {"recipient_id": bob.name, "encrypted_data": "-_-_",
                "encryptedSymmetricKey": "AQI", "signature": "AQI=",
                "is_ephemeral": False, "priority": "3",
                "senderId": "urn:sm:user:mallory", "x": [{"y": [1.5e3]}]}

        self.assert_accepted(self.user().call("POST", "/api/send", body))

        self.assertEqual(self.messages(bob, 1)[0]["envelope"], {
            "recipientId": bob.urn, "encryptedData": "+/+/",
            "encryptedSymmetricKey": "AQI=", "signature": "AQI=",
            "priority": 3})

    def test_priority_is_always_told_and_null_means_unset(self):
        bob = self.user()
        body = envelope(bob.urn, "YQ==", signature=None, isEphemeral=None,
                        priority=None)

        self.assert_accepted(self.user().call("POST", "/api/send", body))

        self.assertEqual(self.messages(bob, 1)[0]["envelope"], {
            "recipientId": bob.urn, "encryptedData": "YQ==", "priority": 0})

    def test_data_comes_back_byte_for_byte(self):
        bob = self.user()
        data = bytes(range(256)) * 40

        self.assert_accepted(self.user().send(bob, data))

        text = self.messages(bob, 1)[0]["envelope"]["encryptedData"]
        self.assertEqual(base64.b64decode(text, validate=True), data)

    def test_whitespace_and_escapes_are_plain_json(self):
        bob = self.user()
        body = ('\r\n\t { "recipient\\u0049d" : "%s" ,"encryptedData":"YQ" } \n'
                % bob.urn)

        self.assert_accepted(self.user().call("POST", "/api/send", body))

        self.messages(bob, 1)

    def test_any_namespace_type_and_allowed_byte_can_be_a_recipient(self):
        name = self.user().name
        for urn in (f"urn:auth:google:{name}", f"urn:lookup:email:{name}@x.y",
                    f"urn:a:b:!#$%&'()+-./;<=>@^_`|~{name}"):
            with self.subTest(urn=urn):
                self.assert_accepted(self.user().send(urn))

    def test_urn_may_have_255_bytes_and_no_more(self):
        name = self.user().name
        prefix = f"urn:sm:user:{name}"
        fits = prefix + "x" * (255 - len(prefix))

        self.assert_accepted(self.user().send(fits))
        self.assert_error(self.user().send(fits + "x"), 400)

    def test_body_of_exactly_the_limit_is_accepted(self):
        bob = self.user()
        frame = json.dumps(envelope(bob.urn, ""))
        room = ENVELOPE_LIMIT - len(frame)
        body = frame.replace('""', '"' + "A" * (room // 4 * 4) + '"')
        body += " " * (ENVELOPE_LIMIT - len(body))
        self.assertEqual(len(body), ENVELOPE_LIMIT)

        self.assert_accepted(self.user().call("POST", "/api/send", body))
        self.assert_error(self.user().call("POST", "/api/send", body + " "),
                          413)
        self.messages(bob, 1)

    def test_ephemeral_to_an_absent_user_is_understood_and_dropped(self):
        bob = self.user()

        self.assert_accepted(self.user().send(bob, isEphemeral=True))

        self.settle(bob)
        self.assert_nothing_waits(bob)


class Refused(E2eTest):
    def assert_refused(self, body, status=400):
        if isinstance(body, dict):
            body = json.dumps(body)
        self.assert_error(self.user().call("POST", "/api/send", body), status)

    def test_bodies_that_are_no_envelope(self):
        urn = self.user().urn
        good = json.dumps(envelope(urn, "YQ=="))
        bodies = {
            "empty": "",
            "blank": "  ",
            "array": "[" + good + "]",
            "string": '"' + urn + '"',
            "number": "1",
            "null": "null",
            "cut": good[:-1],
            "trailing brace": good + "}",
            "second value": good + good,
            "trailing nul": good + "\0",
            "comment": good + "// no",
            "single quotes": good.replace('"', "'"),
            "trailing comma": good[:-1] + ",}",
            "nan": good[:-1] + ',"x":NaN}',
            "leading zero": good[:-1] + ',"x":01}',
            "plus": good[:-1] + ',"x":+1}',
            "hex": good[:-1] + ',"x":0x1}',
            "bom": "\ufeff" + good,
            "raw control byte": good[:-1] + ',"x":"\x01"}',
            "bad escape": good[:-1] + ',"x":"\\q"}',
            "lone surrogate": good[:-1] + ',"x":"\\ud800"}',
            "deep": good[:-1] + ',"x":' + "[" * 9 + "]" * 9 + "}",
            "very deep": good[:-1] + ',"x":' + "[" * 90000,
            "field twice": good[:-1] + ',"encryptedData":"YQ=="}',
            "both spellings": good[:-1] + ',"encrypted_data":"YQ=="}',
            "twice, null first": good[:-1] + ',"priority":null,"priority":1}',
        }
        for name, body in bodies.items():
            with self.subTest(name):
                self.assert_refused(body)

    def test_invalid_utf8_anywhere(self):
        good = json.dumps(envelope(self.user().urn, "YQ==")).encode()
        for bad in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80",
                    b"\xe2\x82"):
            for body in (good[:-1] + b',"x":"' + bad + b'"}',
                         good[:-1] + b',"' + bad + b'":1}'):
                with self.subTest(body):
                    self.assert_refused(body)

    def test_fields_of_the_wrong_kind(self):
        urn = self.user().urn
        good = envelope(urn, "YQ==")
        changes = [
            {"recipientId": None}, {"recipientId": ""}, {"recipientId": 1},
            {"recipientId": {"namespace": "sm"}}, {"recipientId": [urn]},
            {"encryptedData": None}, {"encryptedData": ""},
            {"encryptedData": 1}, {"encryptedData": ["YQ=="]},
            {"encryptedData": "Y"}, {"encryptedData": "YQ==="},
            {"encryptedData": "YQ=a"}, {"encryptedData": "Y Q="},
            {"encryptedData": "Y\u00e4=="}, {"signature": 5},
            {"signature": "!"}, {"encryptedSymmetricKey": {}},
            {"isEphemeral": "true"}, {"isEphemeral": 1},
            {"priority": "high"}, {"priority": 1.5}, {"priority": 2147483648},
            {"priority": -2147483649}, {"priority": True}, {"priority": ""},
            {"priority": [1]}, {"priority": "1 "},
        ]
        for change in changes:
            with self.subTest(change):
                self.assert_refused({**good, **change})
        for missing in ("recipientId", "encryptedData"):
            with self.subTest(missing=missing):
                self.assert_refused({key: value for key, value in good.items()
                                     if key != missing})

    def test_recipients_that_are_no_urn(self):
        for urn in ("urn:sm:user", "urn:sm:user:", "urn::user:x",
                    "URN:sm:user:x", "urn:sm:user:x:y", "a:b", ":", "::::",
                    "urn:sm:user:a b", "urn:sm:user:a,b", "urn:sm:user:a*",
                    "urn:sm:user:a?", "urn:sm:user:[a]", "urn:sm:user:a\\b",
                    "urn:sm:user:{a}", 'urn:sm:user:"a"', "urn:sm:user:\n",
                    "urn:sm:user:\x7f", "urn:sm:user:\u00fc", "a b", "a\0b",
                    "x" * 256):
            with self.subTest(urn=urn):
                self.assert_error(self.user().send(urn), 400)

    def test_content_type_must_be_json(self):
        bob = self.user()
        for kind in (None, "text/plain", "application/x-www-form-urlencoded",
                     "application/jsonx", "application/json; charset=latin1"):
            with self.subTest(kind):
                answer = bob.call("POST", "/api/send", envelope(bob.urn),
                                  [("Content-Type", kind)])
                self.assert_error(answer, 415)
        for kind in ("application/json; charset=utf-8", "Application/JSON",
                     'application/json;charset="UTF-8"'):
            with self.subTest(kind):
                self.assert_accepted(bob.call(
                    "POST", "/api/send", envelope(bob.urn),
                    [("Content-Type", kind)]))

    def test_envelope_over_the_limit_is_413(self):
        body = json.dumps(envelope(self.user().urn, "A" * 300000))

        self.assert_refused(body, 413)

    def test_refused_send_leaves_nothing_behind(self):
        bob = self.user()

        self.assert_refused({**envelope(bob.urn), "priority": "x"})

        self.settle(bob)
        self.assert_nothing_waits(bob)


class Idempotency(E2eTest):
    def send(self, sender, recipient, key, data=b"x", query="", **fields):
        return sender.send(recipient, data, {"Idempotency-Key": key}, query,
                           **fields)

    def test_same_key_gives_the_same_id_and_one_message(self):
        alice, bob = self.user(), self.user()

        first = self.assert_accepted(self.send(alice, bob, "k1"))
        second = self.assert_accepted(self.send(alice, bob, "k1"))

        self.assertEqual(first, second)
        self.settle(bob)
        self.assertEqual(self.message_ids(bob, 1), [first])

    def test_key_holds_after_the_message_was_acked(self):
        alice, bob = self.user(), self.user()
        first = self.assert_accepted(self.send(alice, bob, "k1"))
        self.messages(bob, 1)
        self.assert_status(bob.ack([first]), 204)

        self.assertEqual(self.assert_accepted(self.send(alice, bob, "k1")),
                         first)

        self.settle(bob)
        self.assert_nothing_waits(bob)

    def test_canonical_form_is_what_counts(self):
        alice, bob = self.user(), self.user()
        first = self.assert_accepted(self.send(alice, bob, "k", "-_8="))
        again = alice.call("POST", "/api/send", {
            "encrypted_data": "+/8", "recipient_id": bob.name, "junk": 1,
            "priority": "0"}, {"Idempotency-Key": "k"})

        self.assertEqual(self.assert_accepted(again), first)

    def test_same_key_with_another_envelope_or_expiry_is_a_conflict(self):
        alice, bob = self.user(), self.user()
        self.assert_accepted(self.send(alice, bob, "k"))

        for answer in (self.send(alice, bob, "k", b"y"),
                       self.send(alice, bob, "k", priority=1),
                       self.send(alice, bob, "k",
                                 query="?expiresInSeconds=60")):
            self.assert_error(answer, 409, "idempotency_conflict")

    def test_key_belongs_to_sender_and_recipient(self):
        alice, carol, bob, dave = (self.user() for _ in range(4))

        ids = {self.assert_accepted(self.send(sender, recipient, "k"))
               for sender in (alice, carol) for recipient in (bob, dave)}

        self.assertEqual(len(ids), 4)

    def test_keys_that_are_too_long_or_odd(self):
        alice, bob = self.user(), self.user()
        for key in ("", "x" * 129, "a\tb", "\u00e9"):
            if key == "" and WEB == "lighttpd":
                continue  # it drops a header without a value
            with self.subTest(key):
                self.assert_error(self.send(alice, bob, key), 400)
        self.assert_accepted(self.send(alice, bob, "!~" * 64))

    def test_validation_comes_before_the_key(self):
        alice, bob = self.user(), self.user()
        self.assert_accepted(self.send(alice, bob, "k"))

        self.assert_error(self.send(alice, bob, "k", "***"), 400)


class Expiry(E2eTest):
    def test_expired_message_is_never_delivered(self):
        alice, bob = self.user(), self.user()
        keep = self.assert_accepted(alice.send(bob, b"keep"))
        self.assert_accepted(alice.send(bob, b"go",
                                        query="?expiresInSeconds=1"))
        accepted = time.monotonic()

        wait_for(lambda: time.monotonic() - accepted > 1.2, "a second")

        self.assertEqual(self.message_ids(bob, 1), [keep])
        self.settle(bob)
        self.assertEqual(self.message_ids(bob, 1), [keep])

    def test_range_is_one_to_the_maximum(self):
        alice, bob = self.user(), self.user()
        for value in ("1", "2592000"):
            self.assert_accepted(
                alice.send(bob, query="?expiresInSeconds=" + value))
        for value in ("0", "-1", "2592001", "", "x", "1.5", "1e3", "+1",
                      "99999999999999999999"):
            with self.subTest(value):
                self.assert_error(alice.send(
                    bob, query="?expiresInSeconds=" + value), 400)
