"""POST /api/ticket: a browser's way to /connect without a token in a URL."""
from harness import E2eTest, Refused, WebSocket


class Tickets(E2eTest):
    def buy(self, user):
        answer = user.call("POST", "/api/ticket")
        self.assert_status(answer, 201)
        self.assert_common_headers(answer)
        body = answer.json()
        self.assertEqual(sorted(body), ["expiresInSeconds", "ticket"])
        self.assertEqual(body["expiresInSeconds"], 30)
        self.assertRegex(body["ticket"], r"^[A-Za-z0-9_-]{22,}$")
        return body["ticket"]

    def open(self, ticket):
        socket = WebSocket(self.stack.port, "/connect?ticket=" + ticket)
        self.addCleanup(socket.abort)
        return socket

    def assert_refused(self, ticket):
        with self.assertRaises(Refused) as caught:
            self.open(ticket)
        self.assert_error(caught.exception.response, 401)

    def test_ticket_opens_one_connection_as_its_buyer(self):
        bob = self.user()
        ticket = self.buy(bob)

        self.assertEqual(self.open(ticket).expect("connected")["user"],
                         bob.urn)
        self.assert_refused(ticket)

    def test_tickets_differ_and_can_be_held_side_by_side(self):
        bob = self.user()
        first, second = self.buy(bob), self.buy(bob)

        self.assertNotEqual(first, second)
        self.open(second).expect("connected")
        self.open(first).expect("connected")

    def test_made_up_tickets_are_refused(self):
        ticket = self.buy(self.user())
        last = "A" if ticket[-1] != "A" else "Q"
        for bad in ("", "x", ticket[:-1], ticket[:-1] + last, ticket + "A",
                    "A" * 43, "..", "*", ticket + "%20", "%z" + ticket):
            with self.subTest(bad):
                self.assert_refused(bad)

    def test_nul_in_a_ticket_is_refused_here_or_by_the_web_server(self):
        with self.assertRaises(Refused) as caught:
            self.open(self.buy(self.user()) + "%00")
        self.assertIn(caught.exception.response.status, (400, 401))

    def test_ticket_is_no_token(self):
        ticket = self.buy(self.user())
        answer = self.stack.http().request(
            "GET", "/api/messages",
            headers={"Authorization": "Bearer " + ticket})

        self.assert_error(answer, 401)

    def test_token_is_needed_to_buy_one(self):
        self.assert_error(
            self.stack.http().request("POST", "/api/ticket", b""), 401)

    def test_store_holds_no_ticket_in_clear(self):
        ticket = self.buy(self.user())

        self.assertEqual(self.redis_keys("*" + ticket + "*"), [])
