"""Back ends, clients and monitors of the notification service that Waypost
replaces (docs/from-notification-service.md)."""
import http.client
import json
import re
import socket

from harness import E2eTest, Refused, WebSocket, new_stack, wait_for

TOPICS = ["project:{projectId}:{user}", "job:{jobId}:{user}"]
PHASE = {"type": "project_progress",
         "payload": {"project_id": "7", "overall_progress_percent": 40}}
PROGRESS = {"status": "PROCESSING", "progress": {"current": 1, "total": 4}}

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


def ask(stack, path, accept):
    """Status, type and text of an answer at the door of metrics."""
    door = http.client.HTTPConnection("localhost")
    door.sock = socket.socket(socket.AF_UNIX)
    door.sock.connect(stack.socket_path("websocket-0-metrics.sock"))
    door.request("GET", path, headers={"Accept": accept})
    answer = door.getresponse()
    text = answer.read().decode()
    door.close()
    return answer.status, answer.headers.get_content_type(), text


class Topics(E2eTest):
    feed_mode = "pattern"
    # What is published for nobody, and is heard and failed.
    failed = 1

    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {"topics": TOPICS,
                                        "feed_mode": cls.feed_mode}})

    def listen(self, user, query=""):
        target = f"/ws?token={self.stack.token(user.name)}{query}"
        client = WebSocket(self.stack.port, target=target)
        self.addCleanup(client.abort)
        client.expect("connected")
        return client

    def publish(self, *messages):
        with self.stack.redis() as redis:
            for channel, message in messages:
                redis("PUBLISH", channel, json.dumps(message))

    def test_each_filter_gets_its_own_and_none_gets_all(self):
        bob, carol = self.user(), self.user()
        clients = {query: self.listen(bob, query) for query in (
            "", "&projectId=7", "&jobId=x-1", "&projectId=7&jobId=x-1")}
        carols = self.listen(carol)

        self.publish((f"project:7:{bob.name}", {"n": 1}),
                     (f"project:8:{bob.name}", {"n": 2}),
                     (f"job:x-1:{bob.urn}", {"n": 3}),
                     (f"job:x-2:{bob.name}", {"n": 4}),
                     (f"job:x 1:{bob.name}", {"n": 5}),
                     (f"user_noti:{bob.name}", {"type": "end"}),
                     (f"user_noti:{carol.name}", {"type": "end"}))
        heard = {query: self.all_until_end(client)
                 for query, client in clients.items()}
        self.assertEqual(heard, {
            "": [1, 2, 3, 4], "&projectId=7": [1, 3, 4],
            "&jobId=x-1": [1, 2, 3], "&projectId=7&jobId=x-1": [1, 3]})
        self.assertEqual(self.all_until_end(carols), [])

    @staticmethod
    def all_until_end(client):
        numbers = []
        frame = client.recv_json()
        while frame.get("type") != "end":
            numbers.append(frame["n"])
            frame = client.recv_json()
        return numbers

    def test_frames_are_as_that_service_has_them(self):
        bob = self.user()
        client = self.listen(bob, "&projectId=7")
        self.publish((f"project:7:{bob.name}", PROGRESS),
                     (f"project:7:{bob.name}", PHASE))
        self.assertEqual(client.recv_json(), PROGRESS)
        frame = client.recv_json()
        frame.pop("timestamp")
        self.assertEqual(frame, PHASE)

    def test_what_is_no_object_is_told_of_in_the_log(self):
        bob = self.user()
        client = self.listen(bob)
        self.publish((f"project:7:{bob.name}", [1]),
                     (f"project:7:{bob.name}", {"n": 2}))
        self.assertEqual(client.recv_json(), {"n": 2})
        wait_for(lambda: r'no JSON object, or its \"type\" is no string' in
                 self.stack.read_log("websocket-0"), "its line")

    def test_an_id_that_is_none(self):
        bob = self.user()
        for query in ("projectId=", "projectId=a%20b", "jobId=" + "x" * 51,
                      "jobId=%2A", "projectId=7&projectId=8",
                      "&".join("projectId=7" for _ in range(200))):
            with self.assertRaises(Refused) as refused:
                self.listen(bob, "&" + query)
            self.assertEqual(refused.exception.response.status, 400)

    def test_topics_are_heard_again_when_the_feed_was_cut(self):
        bob = self.user()
        client = self.listen(bob, "&jobId=1")
        with self.stack.redis() as redis:
            patterns = redis("PUBSUB", "NUMPAT")
            redis("CLIENT", "KILL", "TYPE", "pubsub")
            wait_for(lambda: redis("PUBSUB", "NUMPAT") == patterns,
                     "the patterns are subscribed again")
        self.publish((f"job:1:{bob.name}", {"n": 1}))
        frame = client.recv_json()
        while frame.get("type") == "poke":
            frame = client.recv_json()
        self.assertEqual(frame, {"n": 1})

    def test_a_monitor_reads_health_and_metrics(self):
        bob = self.user()
        client = self.listen(bob)
        before = json.loads(ask(self.stack, "/metrics", "application/json")[2])
        self.publish((f"user_noti:{bob.name}", {"type": "t", "payload": 1}),
                     ("user_noti:a b", {"type": "t"}))
        client.expect("t")
        status, kind, text = ask(self.stack, "/health", "*/*")
        self.assertEqual((status, kind), (200, "application/json"))
        health = json.loads(text)
        for at in (health.pop("timestamp"),
                   health["subscriber"].pop("last_message_at")):
            self.assertRegex(at, TIME)
        self.assertGreaterEqual(health.pop("uptime_seconds"), 0)
        open_now = health["websocket"]
        self.assertEqual(sorted(open_now),
                         ["active_connections", "total_unique_users"])
        self.assertGreaterEqual(min(open_now.values()), 1)
        self.assertEqual(health, {
            "status": "healthy", "redis": {"status": "connected"},
            "websocket": open_now,
            "subscriber": {"active": True, "pattern": "user_noti:*"}})

        def told():
            after = json.loads(
                ask(self.stack, "/metrics", "application/json")[2])
            return {name: count - before["messages"][name]
                    for name, count in after["messages"].items()}
        self.assertEqual(before["service"], "websocket-service")
        self.assertEqual(sorted(before), ["connections", "messages", "service",
                                          "timestamp", "uptime_seconds"])
        wait_for(lambda: told() == {"received_from_redis": 1 + self.failed,
                                    "sent_to_clients": 1,
                                    "failed": self.failed},
                 "both are counted")
        for accept in ("*/*", "text/plain", "application/json;q=0.1,*/*"):
            status, kind, text = ask(self.stack, "/metrics", accept)
            self.assertEqual((status, kind), (200, "text/plain"))
            self.assertIn("waypost_ws_connections ", text)


class TopicsPerUser(Topics):
    feed_mode = "per-user"
    failed = 0


class SeveralProcesses(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"websocket": {"processes": 2,
                                        "feed_mode": "per-user"}})

    def read(self, path):
        return json.loads(ask(self.stack, path, "application/json")[2])

    def test_a_monitor_reads_sums(self):
        self.assertEqual(self.read("/health")["subscriber"]["last_message_at"],
                         "0001-01-01T00:00:00Z")
        users = [self.user() for _ in range(6)]
        sockets = [self.connect(user) for user in users]
        for client in sockets:
            client.expect("connected")
        with self.stack.redis() as redis:
            for user in users:
                redis("PUBLISH", f"user_noti:{user.name}", '{"type":"t"}')
                redis("PUBLISH", f"user_noti:{user.urn}", "no JSON")
        for client in sockets:
            client.expect("t")

        wait_for(lambda: self.read("/metrics")["messages"] == {
            "received_from_redis": 12, "sent_to_clients": 6, "failed": 6},
            lambda: self.read("/metrics"))
        health = self.read("/health")
        self.assertEqual(health["status"], "healthy")
        self.assertEqual(health["websocket"], {"active_connections": 6,
                                               "total_unique_users": 6})
        self.assertEqual(self.read("/metrics")["connections"],
                         {"active": 6, "total_unique_users": 6})
        self.assertRegex(health["subscriber"]["last_message_at"], r"^20")
