"""Trusted producers: envelopes through wp:inbox, as in docs/operations.md
"Handing a message in"."""
import json

from harness import E2eTest, envelope, wait_for


class Inbox(E2eTest):
    def put(self, text, key=None):
        """Hand an envelope over as a producer would; its entry id."""
        words = ["XADD", "wp:inbox", "*", "envelope", text]
        if key:
            words += ["key", key]
        with self.stack.redis() as redis:
            return redis(*words).decode()

    def buried(self, entry):
        """Reasons under which the inbox entry was dead-lettered."""
        with self.stack.redis() as redis:
            letters = redis("XRANGE", "wp:inbox:dlq", "-", "+")
        found = []
        for _, flat in letters:
            fields = dict(zip(flat[::2], flat[1::2]))
            if entry.encode() in fields.values():
                found.append(fields[b"reason"].decode())
        return found

    def waits_in_inbox(self, entry):
        with self.stack.redis() as redis:
            return redis("XRANGE", "wp:inbox", entry, entry) != []

    def test_envelopes_are_delivered_in_order_and_poked(self):
        bob = self.user()
        socket = self.connect(bob)
        socket.expect("connected")

        for i in range(5):
            self.put(json.dumps(envelope(bob.urn, b"%d" % i)))

        socket.expect("poke")
        found = self.messages(bob, 5)
        self.assertEqual([m["envelope"]["encryptedData"] for m in found],
                         ["MA==", "MQ==", "Mg==", "Mw==", "NA=="])

    def test_one_key_is_one_message(self):
        bob = self.user()
        text = json.dumps(envelope(bob.urn, b"once"))

        entries = [self.put(text, "order-1") for _ in range(3)]
        wait_for(lambda: not any(map(self.waits_in_inbox, entries)),
                 "the inbox to be read")

        self.messages(bob, 1)

    def test_what_cannot_be_read_is_buried_and_the_rest_goes_on(self):
        bob = self.user()
        bad = [self.put("no json"),
               self.put(json.dumps({"recipientId": "a:b"})),
               self.put(json.dumps(envelope("bob", "")))]
        good = self.put(json.dumps(envelope(bob.urn, b"good")))

        self.messages(bob, 1)

        for entry in bad + [good]:
            wait_for(lambda entry=entry: not self.waits_in_inbox(entry),
                     "the entry to leave the inbox")
        for entry in bad:
            self.assertEqual(len(self.buried(entry)), 1, entry)
        self.assertEqual(self.buried(good), [])
