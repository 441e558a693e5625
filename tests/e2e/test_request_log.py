"""What lines about requests say when a web server is before the programs."""
import json
import os
import secrets

from harness import E2eTest, Refused, User, new_stack, wait_for


class Lines(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"log": {"requests": "all"}})

    def lines_of(self, request_id):
        found = []
        for name in ("handlers", "websocket-0"):
            for line in self.stack.read_log(name).splitlines():
                if f'"{request_id}"' in line:
                    found.append(json.loads(line))
        return found

    def line_of(self, request_id):
        """The one line about a request; it comes behind its answer."""
        wait_for(lambda: self.lines_of(request_id), "its line")
        lines = self.lines_of(request_id)
        self.assertEqual(len(lines), 1, lines)
        self.assertEqual(lines[0]["msg"], "request")
        return lines[0]

    def trace(self):
        """Header fields of a traced request, and its three ids."""
        ids = [secrets.token_hex(n) for n in (8, 16, 8)]
        return {"X-Request-Id": ids[0],
                "traceparent": f"00-{ids[1]}-{ids[2]}-01"}, *ids

    def test_a_trace_ends_in_the_line_of_its_request(self):
        alice, bob = self.user("alice"), self.user("bob")
        headers, request_id, trace_id, parent_id = self.trace()
        message_id = self.assert_accepted(alice.send(bob, b"hi", headers))
        self.messages(bob, 1)

        line = self.line_of(request_id)
        self.assertEqual((line["trace_id"], line["parent_id"], line["door"],
                          line["route"], line["status"]),
                         (trace_id, parent_id, "http", "send", 202))
        self.assertNotIn("code", line)
        self.assertGreater(line["bytes"], 0)
        for name in self.stack.programs:
            for said in self.stack.read_log(name).splitlines():
                self.assertFalse(trace_id in said and message_id in said, said)
        # Nor is it in what Redis ever wrote, or in the store.
        for folder, _, names in os.walk(self.stack.state):
            for name in names:
                if name.endswith(".aof") or name.startswith("waypost.db"):
                    with open(os.path.join(folder, name), "rb") as file:
                        self.assertNotIn(trace_id.encode(), file.read())

    def test_a_handshake_has_a_line_with_its_trace(self):
        alice = self.user("alice")
        headers, request_id, trace_id, _ = self.trace()
        self.connect(alice, "/connect", list(headers.items()))
        line = self.line_of(request_id)
        self.assertEqual((line["trace_id"], line["door"], line["route"],
                          line["status"]), (trace_id, "ws", "connect", 101))

    def test_a_refusal_says_why(self):
        bad = User(self.stack, "eve", self.stack.token("eve", -3600))
        for call in (lambda pairs: bad.call("GET", "/api/messages",
                                            headers=pairs),
                     lambda pairs: bad.connect("/connect", pairs)):
            headers, request_id, _, _ = self.trace()
            try:
                status = call(list(headers.items())).status
            except Refused as refused:
                status = refused.response.status
            self.assertEqual(status, 401)
            line = self.line_of(request_id)
            self.assertEqual((line["code"], line["reason"]),
                             ("unauthorized", "expired"))
