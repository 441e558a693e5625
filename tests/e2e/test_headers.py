"""What every answer has: request ids, methods, CORS, health, metrics."""
import re

from contract import Contract
from devkit.http import raw_exchange, statuses
from harness import ALLOWED_ORIGIN, E2eTest, REQUEST_ID, ROOT, envelope

METHODS = Contract(ROOT).methods()


class Errors(E2eTest):
    def test_unknown_path_under_api_is_a_json_404(self):
        bob = self.user()
        for path in ("/api/", "/api/nope", "/api/send/", "/api/sendx",
                     "/api/send/batch/", "/api/healthz", "/api/SEND",
                     "/api/%73end", "/api/messages/ack/x"):
            with self.subTest(path):
                self.assert_error(bob.call("GET", path), 404)
                self.assert_error(bob.call("POST", path, {}), 404)
        self.assert_error(self.stack.http().request("GET", "/api/nope"), 404)

    def test_wrong_method_is_405_and_says_what_is_allowed(self):
        bob = self.user()
        for path, right in METHODS.items():
            for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
                if method in right:
                    continue
                with self.subTest(f"{method} {path}"):
                    answer = bob.call(method, path,
                                      None if method == "GET" else {})
                    self.assert_error(answer, 405)
                    allowed = answer.header("Allow").replace(" ", "")
                    self.assertEqual(set(allowed.split(",")),
                                     {*right, "OPTIONS"})

    def test_made_up_methods_are_refused_in_json(self):
        for method in ("BREW", "PROPFIND"):
            with self.subTest(method):
                answer = self.stack.http().request(method, "/api/send")
                self.assertIn(answer.status, (400, 405))
                self.assert_error(answer, answer.status)

    def test_errors_of_the_web_server_look_like_ours(self):
        http = self.stack.http()
        huge = http.request("POST", "/api/send", b"x" * (5 << 20),
                            {"Content-Type": "application/json"})
        self.assert_error(huge, 413)
        long_header = http.request("GET", "/api/messages",
                                   headers={"X-Long": "x" * 30000})
        self.assertIn(long_header.status, (400, 431))
        self.assert_error(long_header, long_header.status)
        long_url = http.request("GET", "/api/messages?" + "x" * 60000)
        self.assertIn(long_url.status, (414, 431))
        self.assert_error(long_url, long_url.status)

    def test_malformed_request_is_a_json_400(self):
        data, _ = raw_exchange(self.stack.port, b"NONSENSE\r\n\r\n")

        self.assertEqual(statuses(data), [400])
        self.assertIn(b"application/json", data)
        self.assertIn(b'"code":"', data)
        self.assertIn(b"X-Request-Id: ", data)
        self.assertIn(b"Cache-Control: no-store", data)


class RequestIds(E2eTest):
    def given(self, value):
        return self.stack.http().request(
            "GET", "/api/messages", headers={"X-Request-Id": value}
        ).header_all("X-Request-Id")

    def test_sound_id_is_taken_over(self):
        for value in ("a", "A-b_c.9", "x" * 64):
            self.assertEqual(self.given(value), [value])

    def test_unsound_id_is_replaced(self):
        for value in ("", "x" * 65, "a b", "a;b", "\u00e9", 'a"b', "a/b"):
            with self.subTest(value):
                ids = self.given(value)
                self.assertEqual(len(ids), 1)
                self.assertRegex(ids[0], REQUEST_ID)
                self.assertNotEqual(ids[0], value)

    def test_made_ids_differ(self):
        ids = {self.stack.http().request("GET", "/healthz")
               .header("X-Request-Id") for _ in range(20)}

        self.assertEqual(len(ids), 20)

    def test_header_cannot_be_split(self):
        answer, _ = raw_exchange(
            self.stack.port,
            b"GET /api/messages HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\n"
            b" Set-Cookie: b\r\nConnection: close\r\n\r\n")

        self.assertNotIn(b"Set-Cookie", answer)


class Cors(E2eTest):
    def ask(self, origin, method="GET", path="/api/messages", **headers):
        pairs = {"Authorization": "Bearer " + self.stack.token("bob")}
        if origin is not None:
            pairs["Origin"] = origin
        pairs.update({key.replace("_", "-"): value
                      for key, value in headers.items()})
        return self.stack.http().request(method, path, headers=pairs)

    def varies(self, answer):
        text = ",".join(answer.header_all("Vary")).lower()
        return "origin" in [part.strip() for part in text.split(",")]

    def test_listed_origin_may_read(self):
        answer = self.ask(ALLOWED_ORIGIN)

        self.assert_status(answer, 200)
        self.assertEqual(answer.header_all("Access-Control-Allow-Origin"),
                         [ALLOWED_ORIGIN])
        self.assertEqual(
            answer.header_all("Access-Control-Allow-Credentials"), ["true"])
        self.assertTrue(self.varies(answer))

    def test_other_origins_get_nothing(self):
        for origin in ("https://evil.example", "null", "*",
                       ALLOWED_ORIGIN + ".evil.example",
                       ALLOWED_ORIGIN + "/", ALLOWED_ORIGIN + ":443",
                       "http://app.example",
                       ALLOWED_ORIGIN + " https://evil.example", ""):
            with self.subTest(origin):
                answer = self.ask(origin)
                self.assertEqual(
                    [name for name, _ in answer.headers
                     if name.lower().startswith("access-control-allow")], [])
                self.assertTrue(self.varies(answer), answer)

    def test_case_of_an_origin_does_not_matter(self):
        origin = ALLOWED_ORIGIN.upper()
        answer = self.ask(origin)
        self.assertEqual(answer.header("Access-Control-Allow-Origin"), origin)

    def test_vary_is_there_without_an_origin_and_on_errors(self):
        http = self.stack.http()
        for answer in (self.ask(None), http.request("GET", "/api/messages"),
                       http.request("GET", "/api/nope"),
                       http.request("PUT", "/api/send"),
                       http.request("GET", "/healthz")):
            self.assertTrue(self.varies(answer), answer)

    def test_error_can_be_read_by_a_listed_origin(self):
        answer = self.stack.http().request(
            "GET", "/api/messages", headers={"Origin": ALLOWED_ORIGIN})

        self.assert_error(answer, 401)
        self.assertEqual(answer.header("Access-Control-Allow-Origin"),
                         ALLOWED_ORIGIN)

    def test_preflight_on_every_route_needs_no_token(self):
        for path, (method, *_) in METHODS.items():
            with self.subTest(path):
                answer = self.stack.http().request("OPTIONS", path, headers={
                    "Origin": ALLOWED_ORIGIN,
                    "Access-Control-Request-Method": method,
                    "Access-Control-Request-Headers":
                        "authorization, content-type, idempotency-key"})
                self.assertIn(answer.status, (200, 204))
                self.assert_common_headers(answer)
                self.assertEqual(answer.header("Access-Control-Allow-Origin"),
                                 ALLOWED_ORIGIN)
                self.assertIn(
                    method, answer.header("Access-Control-Allow-Methods"))
                allowed = answer.header("Access-Control-Allow-Headers").lower()
                for name in ("authorization", "content-type",
                             "idempotency-key"):
                    self.assertIn(name, allowed)

    def test_preflight_of_another_origin_allows_nothing(self):
        answer = self.stack.http().request("OPTIONS", "/api/send", headers={
            "Origin": "https://evil.example",
            "Access-Control-Request-Method": "POST"})

        self.assert_error(answer, 403, "origin_not_allowed")
        self.assertIn("cors.allowed_origins", answer.json()["error"])
        self.assertIsNone(answer.header("Access-Control-Allow-Origin"))
        self.assertIsNone(answer.header("Access-Control-Allow-Credentials"))
        log = self.stack.read_log("handlers")
        self.assertIn("an Origin that is not listed", log)
        self.assertNotIn("evil.example", log)


class Health(E2eTest):
    def check_probe(self, path, text):
        http = self.stack.http()
        answer = http.request("GET", path)
        self.assert_status(answer, 200)
        self.assert_common_headers(answer)
        self.assertEqual(answer.body.strip(), text)
        head = http.request("HEAD", path)
        self.assert_status(head, 200)
        self.assert_common_headers(head)

    def test_healthz(self):
        self.check_probe("/healthz", b"OK")

    def test_readyz(self):
        self.wait_all_ready()
        self.check_probe("/readyz", b"READY")

    def test_metrics_are_prometheus_text(self):
        self.assert_accepted(self.user().send(self.user()))
        lines = self.stack.metrics("handlers").splitlines()
        self.assertTrue(any(line.startswith("# TYPE waypost_")
                            for line in lines))
        for line in lines:
            self.assertRegex(line, r"^(# (HELP|TYPE) [a-z_:]+ .+|"
                             r"[a-zA-Z_:][a-zA-Z0-9_:]*(\{[^{}]*\})? "
                             r"[-+0-9.eEInfNa]+)$")

    def test_metrics_name_no_user(self):
        bob = self.user()
        self.assert_accepted(self.user().send(bob))
        text = self.stack.metrics("handlers")

        self.assertNotIn(bob.name, text)
        self.assertIsNone(re.search(r"urn:", text))


class HostileHeaders(E2eTest):
    def test_headers_named_like_settings_change_nothing(self):
        bob = self.user()
        answer = bob.call("POST", "/api/send", envelope(bob.urn), [
            ("Proxy", "http://evil.example"), ("Content_Length", "1"),
            ("Content_Type", "text/plain"), ("Script-Name", "/metrics"),
            ("Request-Method", "GET"), ("Request-Uri", "/metrics")])

        self.assert_accepted(answer)
        self.messages(bob, 1)

    def test_authorization_with_an_underscore_twin(self):
        token = self.stack.token("bob")
        answer = self.stack.http().request("GET", "/api/messages", headers=[
            ("X_Authorization", "Bearer " + token)])

        self.assert_error(answer, 401)
