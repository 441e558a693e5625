"""The life of a message: poke, pull, ack; online, offline and in between."""
import json

from harness import E2eTest, envelope, wait_for


class Delivery(E2eTest):
    def opened(self, user):
        socket = self.connect(user)
        socket.expect("connected")
        return socket

    def send(self, bob, *datas, **fields):
        alice = self.user()
        return [self.assert_accepted(alice.send(bob, data, **fields))
                for data in datas]

    def test_online_user_is_poked_pulls_and_acks(self):
        bob = self.user()
        socket = self.opened(bob)

        ids = self.send(bob, b"one")

        self.assertEqual(socket.recv_json(), {"type": "poke"})
        self.assertEqual(self.message_ids(bob, 1), ids)
        self.assert_status(bob.ack(ids), 204)
        self.assert_nothing_waits(bob)

    def test_message_is_there_when_its_poke_comes(self):
        bob = self.user()
        socket = self.opened(bob)
        for _ in range(20):
            ids = self.send(bob, b"x")
            pulled = []
            while not pulled:  # a poke of before may come once more
                socket.expect("poke")
                pulled = [m["id"] for m in bob.pull().json()["messages"]]
            self.assertEqual(pulled, ids)
            self.assert_status(bob.ack(ids), 204)

    def test_every_connection_is_poked(self):
        bob = self.user()
        sockets = [self.opened(bob) for _ in range(4)]

        self.send(bob, b"x")

        for socket in sockets:
            socket.expect("poke")

    def test_nobody_else_is_poked(self):
        bob, carol = self.user(), self.user()
        mine, hers = self.opened(bob), self.opened(carol)

        self.send(bob, b"x")
        mine.expect("poke")

        hers.send_json({"type": "ping"})
        self.assertEqual(hers.recv_json(), {"type": "pong"})

    def test_absent_user_finds_everything_in_order_on_return(self):
        bob = self.user()
        ids = self.send(bob, *[b"%d" % i for i in range(20)])
        self.messages(bob, 20)
        wait_for(lambda: self.is_cold(bob), "migration")

        socket = self.connect(bob)

        self.assertGreater(socket.expect("connected")["pending"], 0)
        socket.expect("poke")
        self.assertEqual(self.message_ids(bob, 20), ids)

    def test_cold_and_hot_messages_are_one_sequence(self):
        bob = self.user()
        cold = self.send(bob, b"1", b"2", b"3")
        cold_high = self.send(bob, b"4", priority=8)
        wait_for(lambda: self.is_cold(bob) and
                 len(bob.pull().json()["messages"]) == 4, "migration")
        socket = self.opened(bob)
        hot = self.send(bob, b"5", b"6")
        hot_high = self.send(bob, b"7", priority=8)

        expected = cold_high + hot_high + cold + hot
        self.assertEqual(self.message_ids(bob, 7), expected)
        pages, query = [], {"limit": 2}
        for _ in range(4):
            page = bob.pull(**query).json()
            pages += [message["id"] for message in page["messages"]]
            query["after"] = pages[-1]
        self.assertEqual(pages, expected)
        self.assertFalse(page["hasMore"])
        self.assert_status(bob.ack(cold + hot_high), 204)
        self.assertEqual(self.message_ids(bob, 3), cold_high + hot)
        socket.close()
        wait_for(lambda: self.is_cold(bob), "migration after the close", 60)
        self.assertEqual(self.message_ids(bob, 3), cold_high + hot)

    def test_going_and_coming_never_loses_or_reorders(self):
        bob = self.user()
        ids = []
        for turn in range(4):
            ids += self.send(bob, b"a%d" % turn)
            socket = self.opened(bob)
            ids += self.send(bob, b"b%d" % turn, b"c%d" % turn)
            socket.abort()
        self.assertEqual(self.message_ids(bob, 12), ids)

        acked, ids = ids[::3], [x for i, x in enumerate(ids) if i % 3]
        self.assert_status(bob.ack(acked), 204)

        self.assertEqual(self.message_ids(bob, 8), ids)
        wait_for(lambda: self.is_cold(bob), "migration", 60)
        self.assertEqual(self.message_ids(bob, 8), ids)

    def test_ephemeral_reaches_who_is_there_and_is_gone_with_them(self):
        bob = self.user()
        socket = self.opened(bob)

        ids = self.send(bob, b"now", isEphemeral=True)
        kept = self.send(bob, b"keep")

        socket.expect("poke")
        messages = self.messages(bob, 2)
        self.assertEqual([m["id"] for m in messages], ids + kept)
        self.assertIs(messages[0]["envelope"]["isEphemeral"], True)
        self.assertNotIn("isEphemeral", messages[1]["envelope"])
        socket.close()
        wait_for(lambda: self.is_cold(bob), "migration", 60)
        self.assertEqual(self.message_ids(bob, 1), kept)

    def test_two_devices_see_the_same_queue(self):
        bob = self.user()
        phone, laptop = self.opened(bob), self.opened(bob)
        ids = self.send(bob, b"x", b"y")
        phone.expect("poke")
        laptop.expect("poke")
        self.messages(bob, 2)

        self.assert_status(bob.ack(ids[:1]), 204)

        self.assertEqual(self.message_ids(bob, 1), ids[1:])

    def test_big_message_arrives_whole_hot_and_cold(self):
        bob = self.user()
        data = bytes(i * 7 % 256 for i in range(190000))
        text = envelope(bob.urn, data)["encryptedData"]
        socket = self.opened(bob)
        self.send(bob, data)
        socket.expect("poke")
        self.assertEqual(
            self.messages(bob, 1)[0]["envelope"]["encryptedData"], text)
        socket.close()
        wait_for(lambda: self.is_cold(bob), "migration", 60)
        self.assertEqual(
            self.messages(bob, 1)[0]["envelope"]["encryptedData"], text)

    def test_message_to_oneself(self):
        bob = self.user()
        socket = self.opened(bob)
        message_id = self.assert_accepted(bob.send(bob))
        socket.expect("poke")
        self.assertEqual(self.message_ids(bob, 1), [message_id])


class TrustedProducers(E2eTest):
    def add(self, *fields):
        with self.stack.redis() as redis:
            return redis("XADD", "wp:inbox", "*", *fields)

    def test_envelope_from_the_inbox_is_delivered(self):
        bob = self.user()
        self.add("envelope", json.dumps(envelope(bob.urn, b"from inside")))

        self.assertEqual(self.messages(bob, 1)[0]["envelope"]["recipientId"],
                         bob.urn)

    def test_inbox_is_read_in_order_and_emptied(self):
        bob = self.user()
        for i in range(50):
            self.add("envelope", json.dumps(
                envelope(bob.urn, b"x", signature="%04d" % i)))

        messages = self.messages(bob, 50)

        self.assertEqual([m["envelope"]["signature"] for m in messages],
                         ["%04d" % i for i in range(50)])

        def is_empty():
            with self.stack.redis() as redis:
                return redis("XLEN", "wp:inbox") == 0
        wait_for(is_empty, "the inbox is empty")

    def test_key_makes_a_repeat_harmless(self):
        bob = self.user()
        text = json.dumps(envelope(bob.urn, b"x"))
        for _ in range(3):
            self.add("envelope", text, "key", "order-7-" + bob.name)
        self.settle(bob)

        self.messages(bob, 1)

    def test_poison_does_not_stop_the_inbox(self):
        bob = self.user()
        for bad in ("", "{", "[]", json.dumps(envelope("a:b")), b"\xff",
                    json.dumps(envelope(bob.urn, ""))):
            self.add("envelope", bad)
        self.add("something", "else")
        self.add("envelope", json.dumps(envelope(bob.urn, b"good")))

        self.messages(bob, 1)
