"""Devices that are to be told of mail: register, list, end; preferences.

What a provider would say is put into the store by hand: none is here yet.
"""
import base64
import hashlib
import json
import os
import secrets
import sqlite3
import subprocess
import time

from accounts import PASSWORD, Routes
from harness import (ALLOWED_ORIGIN, E2eTest, new_stack, scratch,
                     shared_stack)

# The generator of P-256 (SEC 2 section 2.4.2): a point that everybody knows.
POINT = base64.urlsafe_b64encode(bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)).rstrip(b"=").decode()
NO_POINT = base64.urlsafe_b64encode(
    b"\4" + bytes(range(64))).rstrip(b"=").decode()
AUTH = base64.urlsafe_b64encode(bytes(16)).rstrip(b"=").decode()
APNS_TOKEN = "0123456789abcdef" * 4
HOST = "https://updates.push.services.mozilla.com/wpush/v2/"
APPS = ["app kind=fcm credentials_file=/nowhere/fcm.json",
        "com.example.a kind=apns team=ABCDE12345 key=KEYID67890 "
        "key_file=/nowhere/a.p8",
        "com.example.b kind=apns team=ABCDE12345 key=KEYID67890 "
        "key_file=/nowhere/b.p8"]
DEFAULTS = {"mute": False, "muteUntil": None, "standard": "all", "high": "all",
            "badge": True, "quietHours": [], "timeZone": "UTC",
            "highBreaksQuiet": True}


def vapid_key():
    """A file with a new private key, and the public half for browsers."""
    path = os.path.join(scratch(), "vapid.pem")
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-out", path], check=True,
                   capture_output=True)
    public = subprocess.run(["openssl", "pkey", "-in", path, "-pubout",
                             "-outform", "DER"], check=True,
                            capture_output=True).stdout
    return path, base64.urlsafe_b64encode(
        public[-65:]).rstrip(b"=").decode()


def subscription(endpoint=None):
    return {"endpoint": endpoint or HOST + secrets.token_urlsafe(40),
            "expirationTime": None, "keys": {"p256dh": POINT, "auth": AUTH}}


class DevicesTest(E2eTest):
    @classmethod
    def make_stack(cls):
        path, cls.web_key = vapid_key()
        return new_stack({"push": {"enabled": True, "apps": APPS,
                                   "vapid_key_file": path,
                                   "user_webhooks": True},
                          "cors": {"allowed_origins": [ALLOWED_ORIGIN]}})

    def rows(self, statement, *values):
        with sqlite3.connect(self.stack.path("waypost.db"),
                             timeout=30) as file:
            found = file.execute(statement, values).fetchall()
        file.close()
        return found

    def add(self, user, status=201, path="/api/devices", **body):
        answer = user.call("POST", path, body)
        self.assert_status(answer, status)
        self.assert_common_headers(answer)
        return answer.json()["device"]

    def fcm(self, user, status=201, token=None, **body):
        return self.add(user, status, kind="fcm",
                        token=token or secrets.token_urlsafe(40), **body)

    def list(self, user):
        answer = user.call("GET", "/api/devices")
        self.assert_status(answer, 200)
        self.assert_common_headers(answer)
        self.assertEqual(answer.json()["max"], 20)
        return answer.json()["devices"]

    def ids(self, user):
        return [device["id"] for device in self.list(user)]

    def lose(self, device):
        """As its provider would have said it."""
        self.rows("UPDATE push_token SET state = 2, reason = 'Unregistered',"
                  " sealed = NULL, marked_s = ? WHERE id = ?",
                  int(time.time()), base64.urlsafe_b64decode(
                      device["id"] + "=="))


class Registering(DevicesTest):
    def test_a_device_is_listed_as_it_was_registered(self):
        bob = self.user()
        token = secrets.token_urlsafe(40)
        body = {"token": token, "platform": "android", "deviceId": "phone-1",
                "name": "Böb's phone", "account": "b.1"}

        device = self.fcm(bob, **body)

        self.assertRegex(device.pop("id"), r"^[A-Za-z0-9_-]{22}$")
        self.assertRegex(device.pop("createdAt"),
                         r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertRegex(device.pop("refreshedDay"), r"^\d{4}-\d\d-\d\d$")
        self.assertEqual(device, {
            "kind": "fcm", "app": "app", "name": "Böb's phone",
            "deviceId": "phone-1", "platform": "android", "state": "active"})
        again = self.fcm(bob, 200, **body)
        self.assertEqual(self.list(bob), [again])
        self.assertEqual(self.list(self.user()), [])

    def test_neither_answers_nor_the_store_nor_logs_have_a_token(self):
        bob = self.user()
        token, path = secrets.token_hex(32), secrets.token_urlsafe(40)
        self.fcm(bob, token=token)
        self.add(bob, kind="webpush", subscription=subscription(HOST + path))
        self.add(bob, kind="webhook", endpoint="https://a.example/" + path)
        said = json.dumps(self.list(bob))
        kept = b""
        for ending in ("", "-wal"):
            with open(self.stack.path("waypost.db" + ending), "rb") as file:
                kept += file.read()
        logs = self.stack.programs["handlers"].log_tail(1000)

        for secret in (token, path, POINT, "mozilla", "a.example"):
            self.assertNotIn(secret, said)
            self.assertNotIn(secret.encode(), kept)
            self.assertNotIn(secret, logs)
        self.assertIn(bob.urn.encode(), kept)

    def test_every_kind_has_its_way_to_be_reached(self):
        bob = self.user()
        self.add(bob, kind="apns", app="com.example.a", token=APNS_TOKEN)
        # Apple shows a token in either case.
        self.add(bob, 200, kind="apns", app="com.example.a",
                 token=APNS_TOKEN.upper())
        self.add(bob, kind="webpush", subscription=subscription())
        flat = subscription("https://fcm.googleapis.com/fcm/send/x")
        self.add(bob, kind="webpush", endpoint=flat["endpoint"],
                 **flat["keys"])
        self.add(bob, kind="unifiedpush",
                 subscription=subscription("https://ntfy.example.org/up"))

        self.assertEqual([device["kind"] for device in self.list(bob)],
                         ["apns", "webpush", "webpush", "unifiedpush"])
        answer = bob.call("GET", "/api/devices").json()
        self.assertEqual(answer["webPushKey"], self.web_key)

    def test_a_webhook_learns_its_secret_once(self):
        bob = self.user()
        body = {"kind": "webhook", "endpoint": "https://bot.example.org/hook"}

        first = bob.call("POST", "/api/devices", body)
        again = bob.call("POST", "/api/devices", body)

        self.assert_status(first, 201)
        self.assertRegex(first.json()["secret"],
                         r"^whsec_[A-Za-z0-9+/]{32}$")
        self.assert_status(again, 200)
        self.assertNotIn("secret", again.json())
        self.assertNotIn("secret", json.dumps(self.list(bob)))

    def test_what_ends_behind_its_registration_is_not_told_as_registered(self):
        """Another user, or the end of a session, may take it at once."""
        bob = self.user()
        self.rows("CREATE TRIGGER take AFTER INSERT ON push_token WHEN "
                  "new.name = 'taken' BEGIN DELETE FROM push_token WHERE id ="
                  " new.id; END")
        self.addCleanup(self.rows, "DROP TRIGGER take")

        self.assert_error(bob.call("POST", "/api/devices", {
            "kind": "fcm", "token": "t", "name": "taken"}), 503,
            "unavailable")
        self.assert_error(bob.call("POST", "/api/v1/register/fcm", {
            "token": "t", "name": "taken"}), 503, "unavailable")
        self.assertEqual(self.list(bob), [])

    def test_without_a_kind_the_platform_or_a_subscription_tells_it(self):
        bob = self.user()
        kinds = [self.add(bob, path=path, **body)["kind"]
                 for path, body in (
                     ("/register-device",
                      {"token": "a1", "platform": "android"}),
                     ("/register-device", {"token": "w1", "platform": "web"}),
                     ("/api/devices", {"token": APNS_TOKEN, "platform": "ios",
                                       "app": "com.example.b"}),
                     ("/api/devices", {"subscription": subscription()}))]
        self.assertEqual(kinds, ["fcm", "web", "apns", "webpush"])

    def test_clients_of_an_earlier_service_register_and_unregister(self):
        bob = self.user()
        flat = {"endpoint": HOST + "x", "p256dh": POINT, "auth": AUTH}

        for path, body in (("register/fcm", {"token": "t1"}),
                           ("register/web", flat)):
            answer = bob.call("POST", "/api/v1/" + path, body)
            self.assert_status(answer, 204)
        self.assertEqual([device["kind"] for device in self.list(bob)],
                         ["fcm", "webpush"])
        # A stranger ends nothing of it.
        self.assert_status(self.user().call(
            "POST", "/api/v1/unregister/fcm", {"token": "t1"}), 204)
        self.assertEqual(len(self.list(bob)), 2)
        for path, body in (("unregister/fcm", {"token": "t1"}),
                           ("unregister/fcm", {"token": "t1"}),
                           ("unregister/web", {"endpoint": flat["endpoint"]})):
            self.assert_status(bob.call("POST", "/api/v1/" + path, body), 204)
        self.assertEqual(self.list(bob), [])
        for path in ("register/fcm", "unregister/fcm", "register/web",
                     "unregister/web"):
            self.assert_error(bob.call("POST", "/api/v1/" + path, {}), 400,
                              "invalid_device")

    def test_a_phone_that_changes_hands_leaves_its_first_user(self):
        amy, bob = self.user(), self.user()
        self.fcm(amy, token="moves")
        kept = self.fcm(amy)

        self.fcm(bob, token="moves")

        self.assertEqual(self.ids(amy), [kept["id"]])
        self.assertEqual(len(self.list(bob)), 1)

    def test_a_token_that_both_share_stays_with_both(self):
        amy, bob = self.user(), self.user()
        self.fcm(amy, token="shared", shared=True)
        self.fcm(bob, token="shared", shared=True)
        self.assertEqual((len(self.list(amy)), len(self.list(bob))), (1, 1))

        self.fcm(bob, 200, token="shared")

        self.assertEqual((len(self.list(amy)), len(self.list(bob))), (0, 1))

    def test_another_token_of_a_device_takes_the_place_of_the_old(self):
        bob = self.user()
        self.fcm(bob, deviceId="phone")
        other = self.fcm(bob, deviceId="tablet")

        new = self.fcm(bob, deviceId="phone")

        self.assertEqual(self.ids(bob), [other["id"], new["id"]])

    def test_of_21_devices_that_goes_which_was_refreshed_longest_ago(self):
        bob = self.user()
        ids = [self.fcm(bob)["id"] for _ in range(20)]
        self.rows("UPDATE push_token SET refreshed_day = refreshed_day - 1 "
                  "WHERE id = ?", base64.urlsafe_b64decode(ids[7] + "=="))

        new = self.fcm(bob)["id"]

        self.assertEqual(sorted(self.ids(bob)),
                         sorted(ids[:7] + ids[8:] + [new]))

    def test_a_token_that_is_gone_is_refused_until_it_is_forced(self):
        bob = self.user()
        device = self.fcm(bob, token="dead")
        self.lose(device)

        [gone] = self.list(bob)
        self.assertEqual((gone["state"], gone["reason"]),
                         ("gone", "Unregistered"))
        self.assert_error(bob.call("POST", "/api/devices",
                                   {"kind": "fcm", "token": "dead"}), 409,
                          "token_gone")
        self.assert_error(bob.call("POST", "/api/v1/register/fcm",
                                   {"token": "dead"}), 409, "token_gone")
        forced = self.fcm(bob, 200, token="dead", force=True)
        self.assertEqual((forced["id"], forced["state"]),
                         (device["id"], "active"))

    def test_a_device_ends_by_its_id_or_by_what_it_calls_itself(self):
        amy, bob = self.user(), self.user()
        first = self.fcm(bob, deviceId="phone")
        self.fcm(bob, deviceId="tablet")
        last = self.fcm(bob)

        for user, query in ((amy, "id=" + first["id"]),
                            (bob, "id=" + first["id"]),
                            (bob, "id=" + first["id"]),
                            (bob, "deviceId=tablet"),
                            (bob, "deviceId=never")):
            answer = user.call("DELETE", "/api/devices?" + query)
            self.assert_status(answer, 204)
            self.assert_common_headers(answer)
            self.assertEqual(answer.body, b"")
            if user is amy:
                self.assertEqual(len(self.list(bob)), 3)
        self.assertEqual(self.ids(bob), [last["id"]])

    def test_delete_wants_one_of_two_parameters(self):
        bob = self.user()
        device = self.fcm(bob, deviceId="phone")
        for query in ("", "?id=", "?id=x", "?id=" + "A" * 23, "?deviceId=",
                      "?id=%00" + "A" * 21, "?deviceId=phone&deviceId=phone",
                      f"?id={device['id']}&deviceId=phone", "?id=%zz",
                      "?deviceId=phone%00"):
            with self.subTest(query):
                self.assert_error(bob.call("DELETE", "/api/devices" + query),
                                  400)
        self.assertEqual(len(self.list(bob)), 1)


    def test_who_has_ended_meanwhile_registers_nothing(self):
        """As if the end had come while the registration was on its way."""
        bob = self.user()
        key = b"u" + hashlib.sha256(bob.urn.encode()).digest()[:15]
        now = int(time.time())
        self.fcm(bob)
        self.rows("INSERT INTO push_end VALUES (?, ?, ?)", key, now + 60,
                  now + 3600)

        for path in ("/api/devices", "/api/v1/register/fcm"):
            self.assert_error(bob.call("POST", path, {
                "kind": "fcm", "token": "late"}), 401, "token_revoked")
        self.assertEqual(len(self.list(bob)), 1)


class Refused(DevicesTest):
    def refuse(self, body, code="invalid_device", part="", status=400):
        bob = self.user()
        answer = bob.call("POST", "/api/devices", body)
        with self.subTest(str(body)[:60]):
            self.assert_error(answer, status, code)
            self.assertIn(part, answer.json()["error"])
            self.assertEqual(self.list(bob), [])

    def test_what_is_wrong_is_named_and_nothing_is_stored(self):
        web = {"kind": "webpush", "endpoint": HOST, "p256dh": POINT,
               "auth": AUTH}
        for body, part in (
                ({}, "kind"),
                ({"kind": "sms", "token": "x"}, "kind must be one of"),
                ({"kind": 7, "token": "x"}, "kind must be"),
                ({"kind": "web", "token": "x"}, "kind must be one of"),
                ({"kind": "fcm"}, "token is missing"),
                ({"kind": "fcm", "token": ["x"]}, "token must be"),
                ({"kind": "fcm", "token": "x" * 4097}, "token must be"),
                ({"kind": "fcm", "token": "a\nb"}, "token must be"),
                ({"kind": "fcm", "token": "x", "deviceId": "a b"},
                 "deviceId must be"),
                ({"kind": "fcm", "token": "x", "name": "x" * 65}, "name must"),
                ({"kind": "fcm", "token": "x", "account": ""}, "account must"),
                ({"kind": "fcm", "token": "x", "badge": 1}, "badge must be"),
                ({"kind": "fcm", "token": "x", "platform": "windows"},
                 "platform must be"),
                ({"kind": "fcm", "token": "x", "subscription":
                  subscription()}, "do not go together"),
                ({"kind": "apns", "token": APNS_TOKEN}, "app is missing"),
                ({"kind": "apns", "app": "com.example.a", "token": "xyz"},
                 "token must be what Apple gives"),
                ({"kind": "apns", "app": "com.example.a",
                  "token": APNS_TOKEN[:-1]}, "hexadecimal"),
                ({"token": "x"}, "kind is missing"),
                ({"kind": "webpush"}, "endpoint is missing"),
                ({"kind": "webpush", "endpoint": HOST}, "p256dh and auth"),
                ({**web, "auth": None}, "auth must be"),
                ({**web, "p256dh": "AAAA"}, "p256dh must be"),
                ({**web, "p256dh": NO_POINT}, "p256dh must be"),
                ({**web, "token": "x"}, "do not go together"),
                ({**web, "endpoint": "http://a.example/"}, "endpoint must be"),
                ({**web, "endpoint": HOST + "\r\nX: y"}, "endpoint must be"),
                ({**web, "endpoint": HOST + "x" * 2048}, "2048 bytes")):
            self.refuse(body, part=part)

    def test_an_app_that_nobody_knows(self):
        self.refuse({"kind": "fcm", "token": "x", "app": "other"},
                    "unknown_app", "app")
        self.refuse({"kind": "fcm", "token": "x", "app": "com.example.a"},
                    "unknown_app", "app")

    def test_endpoints_that_lead_inside_are_all_refused_alike(self):
        said = set()
        for kind, endpoint in (
                ("webpush", "https://push.example.org/x"),
                ("webpush", "https://127.0.0.1/"),
                ("unifiedpush", "https://localhost/x"),
                ("unifiedpush", "https://10.0.0.1/x"),
                ("unifiedpush", "https://0x7f000001/"),
                ("unifiedpush", "https://2130706433/"),
                ("unifiedpush", "https://[::1]/"),
                ("unifiedpush", "https://redis/"),
                ("unifiedpush", "https://nas.lan/"),
                ("unifiedpush", "https://a.example.org:6379/"),
                ("webhook", "https://metadata.google.internal/")):
            body = {"kind": kind, "endpoint": endpoint, "p256dh": POINT,
                    "auth": AUTH}
            answer = self.user().call("POST", "/api/devices", body)
            with self.subTest(endpoint):
                self.assert_error(answer, 400, "endpoint_not_allowed")
            said.add(answer.body)
        self.assertEqual(len(said), 1)

    def test_kinds_that_are_not_offered(self):
        self.refuse({"kind": "email", "address": "a@example.org"},
                    "kind_disabled", status=403)

    def test_bodies_that_are_none(self):
        bob = self.user()
        for body, status, code in (
                ("", 400, "invalid_json"), ("{", 400, "invalid_json"),
                ("[]", 400, "invalid_device"),
                ('{"kind":"fcm","token":"x"}x', 400, "invalid_json"),
                ('{"kind":"fcm","token":"\xff"}'.encode("latin-1"), 400,
                 "invalid_json"),
                ('{"token":"' + "x" * 50000 + '"}', 413,
                 "payload_too_large")):
            self.assert_error(bob.call("POST", "/api/devices", body), status,
                              code)
        self.assert_error(bob.call(
            "POST", "/api/devices", "{}",
            {"Content-Type": "text/plain"}), 415)
        self.assertEqual(self.list(bob), [])

    def test_a_token_is_needed_and_a_user(self):
        for method, path in (("GET", "/api/devices"),
                             ("POST", "/api/devices"),
                             ("DELETE", "/api/devices?deviceId=x"),
                             ("POST", "/api/devices/test"),
                             ("POST", "/register-device"),
                             ("GET", "/api/push/preferences"),
                             ("PUT", "/api/push/preferences")):
            self.assert_error(self.stack.http().request(
                method, path, "{}" if method != "GET" else None,
                [("Content-Type", "application/json")]), 401)


    def test_only_a_device_of_ones_own_that_can_be_told_is_tried(self):
        amy, bob = self.user(), self.user()
        hers, his = self.fcm(amy)["id"], self.fcm(bob)["id"]
        page = self.add(bob, token="x", platform="web")["id"]

        def ask(body):
            return bob.call("POST", "/api/devices/test", body)
        self.assert_status(ask({"id": his}), 202)
        for body, status, code in (
                ({"id": hers}, 404, "no_device"),
                ({"id": "A" * 22}, 404, "no_device"),
                ({"id": his + "A"}, 400, "invalid_device"),
                ({"id": 1}, 400, "invalid_device"),
                ({"id": his, "more": 1}, 400, "invalid_device"),
                ({}, 400, "invalid_device"), ([], 400, "invalid_device"),
                ("{", 400, "invalid_json"),
                ({"id": page}, 403, "kind_disabled")):
            with self.subTest(str(body)):
                self.assert_error(ask(body), status, code)
        self.lose({"id": his})
        self.assert_error(ask({"id": his}), 409, "token_gone")


class Off(DevicesTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"push": {"apps": APPS, "enabled": False}})

    def test_nobody_is_told_to_see_whether_it_works(self):
        bob = self.user()
        answer = bob.call("POST", "/api/devices/test",
                          {"id": self.fcm(bob)["id"]})
        self.assert_error(answer, 403, "kind_disabled")
        self.assertEqual(self.redis_keys("wp:*:pushdue"), [])


class OfBrowsers(DevicesTest):
    def test_a_page_may_use_each_method_that_the_path_has(self):
        for path, methods in (
                ("/api/devices", "GET, POST, DELETE, OPTIONS"),
                ("/api/devices/test", "POST, OPTIONS"),
                ("/api/push/preferences", "GET, PUT, OPTIONS"),
                ("/register-device", "POST, OPTIONS")):
            asked = self.stack.http().request("OPTIONS", path, None, [
                ("Origin", ALLOWED_ORIGIN),
                ("Access-Control-Request-Method", methods.split(", ")[-2])])
            self.assert_status(asked, 204)
            self.assertEqual(asked.header("Allow"), methods)
            self.assertEqual(asked.header("Access-Control-Allow-Methods"),
                             methods)
            refused = self.user().call("PATCH", path, "{}")
            self.assert_error(refused, 405)
            self.assertEqual(refused.header("Allow"), methods)


class Preferences(DevicesTest):
    def test_who_has_said_nothing_has_the_defaults(self):
        answer = self.user().call("GET", "/api/push/preferences")
        self.assert_status(answer, 200)
        self.assert_common_headers(answer)
        self.assertEqual(answer.json(), DEFAULTS)

    def test_the_whole_object_is_put_and_told_again(self):
        amy, bob = self.user(), self.user()
        wish = {**DEFAULTS, "mute": True, "standard": "badge",
                "quietHours": [{"days": ["mon", "sun"], "from": "22:00",
                                "to": "07:00"}],
                "timeZone": "Europe/Berlin"}

        answer = bob.call("PUT", "/api/push/preferences", wish)
        self.assert_status(answer, 200)
        self.assertEqual(answer.json(), wish)
        self.assertEqual(bob.call("GET", "/api/push/preferences").json(), wish)
        self.assertEqual(amy.call("GET", "/api/push/preferences").json(),
                         DEFAULTS)
        # What is not there is as if nobody had said it.
        answer = bob.call("PUT", "/api/push/preferences", {"badge": False})
        self.assertEqual(answer.json(), {**DEFAULTS, "badge": False})

    def test_what_is_wrong_changes_nothing(self):
        bob = self.user()
        bob.call("PUT", "/api/push/preferences", {"high": "none"})
        for body, part in (({"mute": 1}, "mute"), ({"high": "loud"}, "high"),
                           ({"colour": "red"}, ""),
                           ({"timeZone": "Mars/Olympus"}, "timeZone"),
                           ({"timeZone": "../../etc/passwd"}, "timeZone"),
                           ({"quietHours": [{}] * 15}, "quietHours"),
                           ([], "")):
            answer = bob.call("PUT", "/api/push/preferences", body)
            with self.subTest(str(body)[:40]):
                self.assert_error(answer, 400, "invalid_preferences")
                self.assertIn(part, answer.json()["error"])
        self.assert_error(bob.call("PUT", "/api/push/preferences", "{"), 400,
                          "invalid_json")
        self.assertEqual(bob.call("GET", "/api/push/preferences").json(),
                         {**DEFAULTS, "high": "none"})


class NothingOffered(E2eTest):
    """The defaults: no app is known, and no key for browsers."""

    def test_only_pages_can_register(self):
        bob = self.user()
        for body in ({"kind": "fcm", "token": "x"},
                     {"kind": "apns", "token": APNS_TOKEN},
                     {"kind": "webpush", "subscription": subscription()},
                     {"kind": "unifiedpush", "subscription": subscription()},
                     {"kind": "webhook", "endpoint": "https://a.example/"},
                     {"token": "x", "platform": "ios"}):
            self.assert_error(bob.call("POST", "/api/devices", body), 403,
                              "kind_disabled")
        answer = bob.call("GET", "/api/devices")
        self.assertEqual(answer.json(), {"devices": [], "max": 20})


class HowFast(E2eTest):
    @classmethod
    def make_stack(cls):
        return new_stack({"handlers": {"processes": 1},
                          "push": {"enabled": True},
                          "limits": {"rates": ["devices=0.0001/3",
                                               "push_test=0.0001/1"]}})

    def test_a_user_has_one_limit_for_all_of_it(self):
        bob = self.user()
        calls = (("GET", "/api/devices", None),
                 ("POST", "/register-device", {}),
                 ("PUT", "/api/push/preferences", {}))
        for method, path, body in calls:
            answer = bob.call(method, path, body)
            self.assertNotEqual(answer.status, 429)
            self.assertEqual(answer.header("RateLimit-Policy"),
                             '"devices";q=3;w=30000')
        for method, path, body in (*calls,
                                   ("DELETE", "/api/devices?id=x", None)):
            self.assert_error(bob.call(method, path, body), 429,
                              "rate_limited")
        self.assert_status(self.user().call("GET", "/api/devices"), 200)

    def test_trying_has_one_of_its_own(self):
        bob = self.user()
        for status, code in ((404, "no_device"), (429, "rate_limited")):
            self.assert_error(bob.call("POST", "/api/devices/test",
                                       {"id": "A" * 22}), status, code)
        self.assert_status(bob.call("GET", "/api/devices"), 200)


class Ends(Routes):
    """With a session, its devices."""

    more = {"access_token_seconds": 300}

    def add(self, session, token):
        return self.stack.http().request(
            "POST", "/api/devices", json.dumps({"token": token,
                                                "platform": "web"}),
            [("Content-Type", "application/json"),
             ("Authorization", "Bearer " + session["accessToken"])])

    def tokens(self, name):
        """How many devices are kept of a user."""
        with sqlite3.connect(self.stack.path("waypost.db"),
                             timeout=30) as file:
            [[n]] = file.execute("SELECT count(*) FROM push_token WHERE "
                                 "urn = ?", ["urn:sm:user:" + name])
        file.close()
        return n

    def two(self):
        """A user with two sessions, and a device of each."""
        name, first = self.newcomer(deviceId="one")
        second = self.login(name, deviceId="two").json()
        for session in (first, second):
            self.assert_status(self.add(session, secrets.token_hex(8)), 201)
        self.assertEqual(self.tokens(name), 2)
        return name, first, second

    def test_a_device_is_that_of_the_session_unless_it_says_another(self):
        _, session = self.newcomer(deviceId="one")
        self.assertEqual(
            self.add(session, "x" + secrets.token_hex(8)).json()["device"]
            ["deviceId"], "one")

    def test_a_logout_ends_its_devices_and_no_others(self):
        name, first, second = self.two()

        self.assert_status(self.post("/api/auth/logout", {
            "refreshToken": first["refreshToken"]}), 204)

        self.assertEqual(self.tokens(name), 1)
        self.assert_error(self.add(first, "late"), 401)
        self.assert_status(self.add(second, secrets.token_hex(8)), 201)

    def test_revoking_others_ends_theirs(self):
        name, first, _ = self.two()
        self.assert_status(self.post("/api/auth/sessions/revoke", {
            "sessions": "others"}, token=first["accessToken"]), 204)
        self.assertEqual(self.tokens(name), 1)

    def test_another_password_ends_those_of_all_other_sessions(self):
        name, first, _ = self.two()
        self.assert_status(self.post("/api/auth/password", {
            "oldPassword": PASSWORD, "newPassword": "another " + PASSWORD},
            token=first["accessToken"]), 204)
        self.assertEqual(self.tokens(name), 1)

    def test_with_the_account_all_end(self):
        name, first, _ = self.two()
        self.assert_status(self.post("/api/auth/account/delete", {
            "password": PASSWORD}, token=first["accessToken"]), 204)
        self.assertEqual(self.tokens(name), 0)

    def test_the_command_line_ends_them_as_well(self):
        name, _, second = self.two()
        status, said, wrong = self.tool(
            "revoke", "--issuer", "waypost", "--session", second["sessionId"],
            noun="session")
        self.assertEqual(status, 0, said + wrong)
        self.assertEqual(self.tokens(name), 1)
        status, said, wrong = self.tool("disable", name)
        self.assertEqual(status, 0, said + wrong)
        self.assertEqual(self.tokens(name), 0)

    def test_where_the_store_is_locked_the_session_ends_all_the_same(self):
        """And the call is repeated until its devices have ended too."""
        name, first, _ = self.two()
        lock = sqlite3.connect(self.stack.path("waypost.db"),
                               isolation_level=None, timeout=30)
        self.addCleanup(lock.close)
        lock.execute("BEGIN IMMEDIATE")
        logout = {"refreshToken": first["refreshToken"]}

        self.assert_error(self.post("/api/auth/logout", logout), 503)
        self.assert_error(self.pull(first), 401, "token_revoked")
        lock.execute("ROLLBACK")
        self.assertEqual(self.tokens(name), 2)
        self.assert_status(self.post("/api/auth/logout", logout), 204)
        self.assertEqual(self.tokens(name), 1)


class EndsOfProviders(DevicesTest):
    def test_a_session_takes_its_devices_along_by_any_clock(self):
        """Of a provider whose clock is ahead."""
        issuer = "https://id.example"
        bob, amy = self.user(), self.user()
        for user, sid in ((bob, "one"), (amy, "two")):
            user.token = self.stack.token(user.name, iss=issuer, sid=sid,
                                          iat=int(time.time()) + 30)
            self.fcm(user)

        done = subprocess.run(
            [os.path.join(self.stack.build, "waypost"), "--config",
             self.stack.path("waypost.yaml"), "session", "revoke", "--issuer",
             issuer, "--session", "one", "--yes"], env=self.stack.base_env,
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)

        self.assertEqual(self.rows("SELECT urn FROM push_token WHERE urn IN "
                                   "(?, ?)", bob.urn, amy.urn), [(amy.urn,)])


class Starts(E2eTest):
    def test_settings_that_are_wrong_are_named(self):
        stack = shared_stack()
        for name, value, part in (
                ("APPS", "app kind=sms", "push.apps: number 1"),
                ("WEB_HOSTS", "10.0.0.1", "push.web_hosts: each must be"),
                ("WEB_PORTS", "0", "push.web_ports: each must be a port"),
                ("WEB_PORTS", "https", "push.web_ports: each must be a port"),
                ("MAX_PER_USER", "0", "from 1 to 100"),
                ("VAPID_KEY", "no key", "push.vapid_key_file: ")):
            done = subprocess.run(
                [os.path.join(stack.build, "waypost-handlers"), "--config",
                 stack.path("waypost.yaml"), "--check"],
                env={**stack.base_env, "STORE_SECRET": stack.store_secret,
                     "JWT_SECRET": "x" * 32,
                     "WAYPOST_PUSH_" + name: value},
                capture_output=True, text=True, check=False)
            with self.subTest(name):
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(part, done.stderr)
