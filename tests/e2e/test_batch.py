"""POST /api/send/batch: many envelopes, one answer each, in order."""
import json

from harness import E2eTest, UUID7, envelope


class Batch(E2eTest):
    def batch(self, user, envelopes, headers=()):
        return user.call("POST", "/api/send/batch",
                         {"envelopes": envelopes}, headers)

    def results(self, answer, count):
        self.assert_status(answer, 202)
        self.assert_common_headers(answer)
        self.assertEqual(list(answer.json()), ["results"])
        results = answer.json()["results"]
        self.assertEqual(len(results), count)
        return results

    def test_answers_come_in_order_and_so_do_the_messages(self):
        alice, bob, carol = self.user(), self.user(), self.user()
        envelopes = [envelope((bob, carol)[i % 2].urn, b"%d" % i)
                     for i in range(100)]

        ids = [result["id"] for result in
               self.results(self.batch(alice, envelopes), 100)]

        self.assertEqual(self.message_ids(bob, 50), ids[0::2])
        self.assertEqual(self.message_ids(carol, 50), ids[1::2])

    def test_many_recipients_in_one_batch(self):
        users = [self.user() for _ in range(40)]

        results = self.results(self.batch(
            self.user(), [envelope(user.urn) for user in users]), 40)

        for user, result in zip(users, results):
            self.assertRegex(result["id"], UUID7)
            self.assertEqual(self.message_ids(user, 1), [result["id"]])

    def test_one_bad_envelope_does_not_stop_the_others(self):
        bob = self.user()
        good = envelope(bob.urn, "YQ==")
        bad = [{}, 5, None, [], "x", {**good, "encryptedData": ""},
               {**good, "recipientId": "a:b"}, {**good, "priority": "x"},
               envelope(bob.urn, "A" * 262144)]
        mixed = [good]
        for element in bad:
            mixed += [element, good]

        results = self.results(self.batch(self.user(), mixed), len(mixed))

        for i, result in enumerate(results):
            with self.subTest(element=str(mixed[i])[:60]):
                self.assertEqual(sorted(result),
                                 ["code", "error"] if i % 2 else ["id"])
        self.assertEqual(self.message_ids(bob, len(bad) + 1),
                         [result["id"] for result in results[0::2]])

    def test_nesting_is_judged_alike_on_each_way_in(self):
        bob = self.user()
        good = json.dumps(envelope(bob.urn, b"x"))
        socket = self.connect(self.user())
        socket.expect("connected")
        for depth in (0, 1, 5, 6, 7, 8, 9, 30, 60):
            deep = good[:-1] + ',"x":' + "[" * depth + "1" + "]" * depth + "}"
            with self.subTest(depth=depth):
                single = bob.call("POST", "/api/send", deep)
                results = self.results(bob.call(
                    "POST", "/api/send/batch",
                    f'{{"envelopes":[{good},{deep},{good}]}}'), 3)
                socket.send_text('{"type":"send","envelope":' + deep + "}")
                frame = socket.recv_json()

                code = None if depth < 8 else "invalid_json"
                self.assertEqual(single.status, 400 if code else 202)
                self.assertEqual(single.json().get("code"), code)
                self.assertEqual([result.get("code") for result in results],
                                 [None, code, None])
                self.assertEqual(frame.get("code"), code, frame)

    def test_answer_is_202_even_when_all_fail(self):
        results = self.results(self.batch(self.user(), [{}, {}]), 2)

        self.assertEqual([sorted(result) for result in results],
                         [["code", "error"]] * 2)

    def test_one_to_a_hundred(self):
        alice = self.user()
        good = envelope(self.user().urn)

        self.assert_error(self.batch(alice, []), 400)
        self.assert_error(self.batch(alice, [good] * 101), 400)
        self.results(self.batch(alice, [good]), 1)

    def test_bodies_that_are_no_batch(self):
        alice = self.user()
        good = json.dumps(envelope(self.user().urn))
        for body in ("", "[]", "{}", '{"envelopes":null}',
                     '{"envelopes":{}}', '{"envelopes":"x"}',
                     '{"envelopes":[%s]' % good, '{"envelopes":[%s]}}' % good,
                     '{"envelopes":[%s,]}' % good,
                     '{"envelopes":[%s],"envelopes":[%s]}' % (good, good)):
            with self.subTest(body[:60]):
                self.assert_error(
                    alice.call("POST", "/api/send/batch", body), 400)

    def test_header_key_covers_each_element_by_its_index(self):
        alice, bob = self.user(), self.user()
        envelopes = [envelope(bob.urn, b"%d" % i) for i in range(3)]
        key = {"Idempotency-Key": "batch"}

        first = self.results(self.batch(alice, envelopes, key), 3)
        second = self.results(self.batch(alice, envelopes, key), 3)
        single = alice.send(bob, b"1", {"Idempotency-Key": "batch/1"})

        self.assertEqual(first, second)
        self.assertEqual(single.json(), first[1])
        self.settle(bob)
        self.messages(bob, 3)

    def test_element_may_carry_its_own_key(self):
        alice, bob = self.user(), self.user()
        element = {**envelope(bob.urn), "idempotencyKey": "own"}

        results = self.results(self.batch(alice, [element, element]), 2)

        self.assertEqual(results[0], results[1])
        self.assertEqual(
            alice.send(bob, headers={"Idempotency-Key": "own"}).json(),
            results[0])
        conflict = self.results(self.batch(
            alice, [{**element, "priority": 1}]), 1)[0]
        self.assertEqual(conflict["code"], "idempotency_conflict")

    def test_body_of_nearly_four_mebibytes_is_accepted(self):
        bob = self.user()
        element = envelope(bob.urn, "A" * 240000)

        results = self.results(self.batch(self.user(), [element] * 17), 17)

        self.assertTrue(all("id" in result for result in results))

    def test_body_over_four_mebibytes_is_413(self):
        element = envelope(self.user().urn, "A" * 240000)

        self.assert_error(self.batch(self.user(), [element] * 18), 413)
        self.assert_error(self.batch(self.user(), [element] * 40), 413)
