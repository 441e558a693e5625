"""POST /api/messages/ack: only an ack deletes, and it deletes for good."""
import json
import uuid

from harness import E2eTest, wait_for


class Ack(E2eTest):
    def waiting(self, bob, count):
        alice = self.user()
        for i in range(count):
            self.assert_accepted(alice.send(bob, b"%d" % i))
        return self.message_ids(bob, count)

    def test_acked_message_never_comes_back(self):
        bob = self.user()
        ids = self.waiting(bob, 4)

        answer = bob.ack(ids[1:3])

        self.assert_status(answer, 204)
        self.assert_common_headers(answer)
        self.assertEqual(answer.body, b"")
        for _ in range(5):
            self.assertEqual(self.message_ids(bob, 2), [ids[0], ids[3]])

    def test_alias_is_the_same_route(self):
        bob = self.user()
        ids = self.waiting(bob, 1)

        self.assert_status(
            bob.call("POST", "/messages/ack", {"messageIds": ids}), 204)

        self.assert_nothing_waits(bob)

    def test_ack_from_the_cold_store(self):
        bob = self.user()
        ids = self.waiting(bob, 3)
        wait_for(lambda: self.is_cold(bob), "migration")

        self.assert_status(bob.ack(ids[:2]), 204)

        self.assertEqual(self.message_ids(bob, 1), ids[2:])
        self.assert_status(bob.ack(ids), 204)
        self.assert_nothing_waits(bob)

    def test_repeating_and_unknown_ids_are_fine(self):
        bob = self.user()
        ids = self.waiting(bob, 2)

        self.assert_status(bob.ack([ids[0], ids[0], str(uuid.uuid4())]), 204)
        self.assert_status(bob.ack([ids[0]]), 204)

        self.assertEqual(self.message_ids(bob, 1), ids[1:])

    def test_id_may_be_in_upper_case(self):
        bob = self.user()
        ids = self.waiting(bob, 1)

        self.assert_status(bob.ack([ids[0].upper()]), 204)

        self.assert_nothing_waits(bob)

    def test_nobody_acks_for_somebody_else(self):
        bob, mallory = self.user(), self.user()
        ids = self.waiting(bob, 2)

        self.assert_status(mallory.ack(ids), 204)

        self.assertEqual(self.message_ids(bob, 2), ids)

    def test_one_bad_id_and_nothing_is_deleted(self):
        bob = self.user()
        ids = self.waiting(bob, 2)
        for bad in ("", "x", ids[0][:-1], ids[0] + "0", "{" + ids[0] + "}",
                    ids[0].replace("-", ""), " " + ids[0]):
            with self.subTest(bad):
                self.assert_error(bob.ack(ids + [bad]), 400)
        for bad in (None, 5, ["x"], {}):
            with self.subTest(bad):
                self.assert_error(bob.ack(ids + [bad]), 400)

        self.assertEqual(self.message_ids(bob, 2), ids)

    def test_at_most_a_thousand(self):
        bob = self.user()
        ids = self.waiting(bob, 1)
        others = [str(uuid.uuid4()) for _ in range(999)]

        self.assert_error(bob.ack(ids + others + others[:1]), 400)
        self.assertEqual(self.message_ids(bob, 1), ids)
        self.assert_status(bob.ack(ids + others), 204)
        self.assert_nothing_waits(bob)

    def test_bodies_that_are_no_ack(self):
        bob = self.user()
        ids = self.waiting(bob, 1)
        for body in ("", "[]", "{}", '"x"', '{"messageIds":null}',
                     '{"messageIds":{}}', '{"messageIds":"%s"}' % ids[0],
                     '{"messageIds":["%s"]' % ids[0],
                     '{"messageIds":["%s"]}x' % ids[0],
                     '{"messageIds":[],"messageIds":["%s"]}' % ids[0]):
            with self.subTest(body):
                self.assert_error(
                    bob.call("POST", "/api/messages/ack", body), 400)
        self.assertEqual(self.message_ids(bob, 1), ids)

    def test_content_type_must_be_json(self):
        bob = self.user()
        ids = self.waiting(bob, 1)

        self.assert_error(bob.call(
            "POST", "/api/messages/ack", json.dumps({"messageIds": ids}),
            {"Content-Type": "text/plain"}), 415)

        self.assertEqual(self.message_ids(bob, 1), ids)

    def test_both_bands_in_one_ack(self):
        bob = self.user()
        alice = self.user()
        high = self.assert_accepted(alice.send(bob, priority=7))
        low = self.assert_accepted(alice.send(bob))
        self.messages(bob, 2)

        self.assert_status(bob.ack([low, high]), 204)

        self.assert_nothing_waits(bob)
