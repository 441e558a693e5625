"""GET /api/messages: order, paging, limits. Reading never deletes."""
from harness import E2eTest, PARTITIONS, UUID7, envelope, wait_for


class Messages(E2eTest):
    def fill(self, bob, count, **fields):
        """Send count messages and wait until they can be read."""
        answer = self.user().call("POST", "/api/send/batch", {
            "envelopes": [envelope(bob.urn, b"%d" % i, **fields)
                          for i in range(count)]})
        self.assert_status(answer, 202)
        return [result["id"] for result in answer.json()["results"]]

    def page(self, user, **query):
        answer = user.pull(**query)
        self.assert_status(answer, 200)
        body = answer.json()
        self.assertEqual(sorted(body), ["hasMore", "messages"])
        return [message["id"] for message in body["messages"]], body["hasMore"]

    def test_empty_queue(self):
        answer = self.user().pull()

        self.assert_status(answer, 200)
        self.assert_common_headers(answer)
        self.assertEqual(answer.header("Content-Type").split(";")[0],
                         "application/json")
        self.assertEqual(answer.json(), {"messages": [], "hasMore": False})

    def test_alias_is_the_same_route(self):
        bob = self.user()
        ids = self.fill(bob, 1)
        self.messages(bob, 1)

        answer = bob.call("GET", "/messages")

        self.assertEqual(answer.json()["messages"][0]["id"], ids[0])

    def test_reading_never_deletes(self):
        bob = self.user()
        ids = self.fill(bob, 3)

        for _ in range(3):
            self.assertEqual(self.message_ids(bob, 3), ids)

    def test_one_user_sees_only_what_is_theirs(self):
        bob, carol = self.user(), self.user()
        self.fill(bob, 2)
        self.messages(bob, 2)

        self.settle(carol)
        self.assert_nothing_waits(carol)

    def test_message_has_an_id_and_the_envelope(self):
        bob = self.user()
        self.fill(bob, 1)

        message = self.messages(bob, 1)[0]

        self.assertEqual(sorted(message), ["envelope", "id"])
        self.assertRegex(message["id"], UUID7)

    def test_has_more_is_exact_at_every_page_size(self):
        bob = self.user()
        ids = self.fill(bob, 12)
        self.messages(bob, 12)

        for limit in range(1, 14):
            with self.subTest(limit=limit):
                got, query = [], {"limit": limit}
                while True:
                    page, has_more = self.page(bob, **query)
                    got += page
                    self.assertLessEqual(len(page), limit)
                    self.assertEqual(has_more, len(got) < 12)
                    if not has_more:
                        break
                    query["after"] = page[-1]
                self.assertEqual(got, ids)

    def test_has_more_is_exact_when_everything_is_cold(self):
        bob = self.user()
        ids = self.fill(bob, 9)
        self.wait_cold(bob)

        got, query = [], {"limit": 3}
        for more in (True, True, False):
            page, has_more = self.page(bob, **query)
            self.assertEqual(has_more, more)
            got += page
            query["after"] = page[-1]
        self.assertEqual(got, ids)

    def wait_cold(self, user):
        wait_for(lambda: self.is_cold(user), "migration")

    def test_limit_rules(self):
        bob = self.user()
        for _ in range(6):
            self.fill(bob, 100)
        self.wait_cold(bob)

        for limit, count in ((None, 50), ("0", 50), ("-7", 50), ("1", 1),
                             ("500", 500), ("501", 500),
                             ("99999999999999999999999", 500)):
            with self.subTest(limit=limit):
                query = {} if limit is None else {"limit": limit}
                page, has_more = self.page(bob, **query)
                self.assertEqual(len(page), count)
                self.assertTrue(has_more)
        for limit in ("x", "", "1x", "0x10", "1.5", "%20"):
            with self.subTest(limit=limit):
                self.assert_error(bob.pull(limit=limit), 400)

    def test_after_must_be_an_id(self):
        bob = self.user()
        for after in ("", "x", "123", "urn:sm:user:bob",
                      "00000000-0000-7000-8000-00000000000",
                      "00000000-0000-7000-8000-0000000000000"):
            with self.subTest(after=after):
                self.assert_error(bob.pull(after=after), 400)

    def test_after_names_a_position_that_outlives_its_message(self):
        bob = self.user()
        ids = self.fill(bob, 5)
        self.messages(bob, 5)
        self.assert_status(bob.ack(ids[:3]), 204)

        self.assertEqual(self.page(bob, after=ids[0]), (ids[3:], False))
        self.assertEqual(self.page(bob, after=ids[2]), (ids[3:], False))
        self.assertEqual(self.page(bob, after=ids[4]), ([], False))

    def test_high_band_comes_first_and_each_band_in_order(self):
        bob = self.user()
        low = self.fill(bob, 3, priority=4)
        high = self.fill(bob, 2, priority=5)
        lowest = self.fill(bob, 1, priority=-1)
        higher = self.fill(bob, 1, priority=9)

        expected = high + higher + low + lowest
        self.assertEqual(self.message_ids(bob, 7), expected)
        for limit in range(1, 8):
            got, query = [], {"limit": limit}
            while len(got) < 7:
                page, has_more = self.page(bob, **query)
                got += page
                self.assertEqual(has_more, len(got) < 7)
                query["after"] = page[-1]
            self.assertEqual(got, expected)

    def test_page_ends_after_four_mebibytes(self):
        bob = self.user()
        for _ in range(2):
            answer = self.user().call("POST", "/api/send/batch", {
                "envelopes": [envelope(bob.urn, "A" * 240000)] * 12})
            self.assert_status(answer, 202)
        self.settle_big(bob, 24)

        page, has_more = self.page(bob, limit=500)

        self.assertTrue(has_more)
        self.assertGreaterEqual(len(page), 8)
        self.assertLessEqual(len(page), 18)
        rest, has_more = self.page(bob, limit=500, after=page[-1])
        self.assertEqual(len(page) + len(rest), 24)
        self.assertFalse(has_more)

    def settle_big(self, bob, count):
        from harness import wait_for

        def all_there():
            got, query = 0, {"limit": 500}
            while True:
                page, has_more = self.page(bob, **query)
                got += len(page)
                if not has_more:
                    return got == count
                query["after"] = page[-1]
        wait_for(all_there, f"{count} big messages")

    def test_repeated_parameter_is_400_and_an_unknown_one_is_ignored(self):
        bob = self.user()

        self.assert_error(bob.call("GET", "/api/messages?limit=1&limit=2"),
                          400)
        self.assert_status(bob.call("GET", "/api/messages?colour=blue"), 200)

    def test_every_partition_works(self):
        users = [self.user() for _ in range(PARTITIONS * 4)]
        for user in users:
            self.assert_accepted(self.user().send(user))
        for user in users:
            self.messages(user, 1)
