"""Endpoints of strangers: whatever they are called, wherever they lead and
whatever answers there, nothing inside is reached, nobody else waits for it, and
nothing of them is found in what is kept.

"Outside" is one address of loopback, which push.allow_networks has; all others
are as forbidden as on any host.
"""
import base64
import contextlib
import os
import socket
import threading

from devkit.provider import make_certificate
from devkit.webpush import Subscription
from harness import SLOWNESS, scratch, wait_for
from pushed import HERE, HOST, LiveTest

# What a flood may cost, beside the gigabyte that is sent.
MEMORY_BYTES = (48 << 20) * SLOWNESS
FLOOD_BYTES = 1 << 30
INSIDE = ("127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::", "10.0.0.1",
          "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254",
          "192.0.0.1", "198.18.0.1", "203.0.113.1", "224.0.0.1",
          "255.255.255.255", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
          "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::1", "::127.0.0.1",
          "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1")
# Every way to write a host that is no name of the internet.
NOTATIONS = ("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001",
             "0x7f.0.0.1", "0177.0.0.1", "017700000001", "0", "0.0.0.0",
             "127.0.0.1.", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
             "[64:ff9b::7f00:1]", "[fe80::1%25lo]", "[fd00::1]", "localhost",
             "a.localhost", "LOCALHOST", "localhost.", "localhost.localdomain.",
             "redis", "a.local", "a.internal", "metadata.google.internal",
             "a.lan", "a.home", "a.home.arpa", "a.onion", "push.example.0x1",
             "push.example.1", "push..example", "-push.example",
             "%31%32%37.0.0.1", "127。0。0。1", "127.0.0.1")


class Trap:
    """Listens where nobody may be sent, at one port, and counts who comes.
    Nobody is at that port outside."""

    ADDRESSES = ("127.0.0.1", "127.1.2.3", "::1")

    def __init__(self):
        self._doors = []
        self.port = 0
        for address in self.ADDRESSES:
            self._doors.append(socket.create_server(
                (address, self.port), family=socket.AF_INET6
                if ":" in address else socket.AF_INET))
            self.port = self._doors[0].getsockname()[1]
        self.came = 0
        for door in self._doors:
            threading.Thread(target=self._wait, args=(door,),
                             daemon=True).start()

    def _wait(self, door):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = door.accept()
                self.came += 1
                peer.close()

    def prove(self):
        """It is seen who comes."""
        for address in self.ADDRESSES:
            socket.create_connection((address, self.port)).close()
        wait_for(lambda: self.came == len(self.ADDRESSES), "the trap works")
        self.came = 0

    def close(self):
        for door in self._doors:
            door.close()


class Attacks(LiveTest):
    push = {"user_webhooks": True, "timeout_ms": 4000, "grace_ms": 100}

    @classmethod
    def make_stack(cls):
        cls.trap = Trap()
        cls.addClassCleanup(cls.trap.close)
        cls.trap.prove()
        cls.stranger = make_certificate(scratch(), "stranger",
                                        "DNS:other.example.test")
        return super().make_stack()

    @classmethod
    def ports(cls):
        """Of the impostor, too; see there."""
        cls.impostor = cls.new_provider(cls.stranger)
        return [cls.provider.port, cls.trap.port, cls.impostor.port]

    @classmethod
    def trusted(cls):
        """Both sign for themselves."""
        path = os.path.join(scratch(), "ca.pem")
        with open(path, "w", encoding="ascii") as file:
            for name in (cls.ca_file, cls.stranger[0]):
                with open(name, encoding="ascii") as certificate:
                    file.write(certificate.read())
        return path

    def refused_addresses(self):
        return self.metrics()["waypost_push_refused_addresses_total"]

    def sent(self, kind, result):
        return self.metrics().get(
            f'waypost_push_sent_total{{kind="{kind}",result="{result}"}}', 0)

    def assert_others_are_told(self):
        """By the same notifier, meanwhile."""
        eve = self.user("eve")
        token = self.subscribe(eve).token
        self.send(eve)
        self.wait_asked(token)

    def memory(self, name):
        """Of the notifier, in bytes: VmRSS, VmHWM."""
        with open(f"/proc/{self.stack.programs['notifier-0'].pid}/status",
                  encoding="ascii") as file:
            for line in file:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) << 10
        raise AssertionError(name)

    def everything_kept(self):
        """The bytes of logs, of the store, and of what Redis has written."""
        text = b""
        for folder, _, names in os.walk(self.stack.state):
            for name in names:
                if name.endswith((".log", ".aof")) or ".db" in name:
                    with open(os.path.join(folder, name), "rb") as file:
                        text += file.read()
        return text

    # ---- names ----

    def register(self, endpoint, kind):
        return self.user().call("POST", "/api/devices", {
            "kind": kind, **Subscription(endpoint).to_json()})

    def test_no_notation_of_an_address_is_registered(self):
        for host in NOTATIONS:
            for kind in ("unifiedpush", "webhook"):
                with self.subTest(host=host, kind=kind):
                    answer = self.register(f"https://{host}/x", kind)
                    self.assert_status(answer, 400)
                    self.assertIn(answer.json()["code"],
                                  ("invalid_device", "endpoint_not_allowed"))
        self.assertEqual(self.trap.came, 0)

    def test_other_schemes_ports_and_lines_are_not_registered(self):
        for endpoint in (f"http://{HOST}/x", f"ftp://{HOST}/x",
                         f"https://{HOST}:22/x", f"https://{HOST}:6379/x",
                         f"https://{HOST}:0/x", f"https://{HOST}:65536/x",
                         f"https://user:pass@{HOST}/x", f"https://{HOST}/x#y",
                         f"https://{HOST}@127.0.0.1/x",
                         f"https://{HOST}/x\r\nX-Y: z", f"https://{HOST}/\n",
                         f"https://{HOST}/\0", f"https://{HOST}/ x",
                         f"https://{HOST}\\@127.0.0.1/",
                         "https://" + "a" * 64 + ".example/x",
                         "https://" + HOST + "/" + "x" * 2048, "https:///x",
                         "//" + HOST, ""):
            with self.subTest(endpoint=endpoint[:80]):
                answer = self.register(endpoint, "unifiedpush")
                self.assert_status(answer, 400)

    # ---- where they lead ----

    def test_a_name_that_leads_inside_reaches_nobody(self):
        before = self.refused_addresses()
        for i, address in enumerate(INSIDE):
            host = f"inside-{i}.example.test"
            self.names.lead(host, address)
            bob = self.user("bob")
            self.subscribe(bob, host=host, port=self.trap.port)
            self.send(bob)
        wait_for(lambda: self.refused_addresses() >= before + len(INSIDE),
                 lambda: f"{len(INSIDE)} refused, not "
                 f"{self.refused_addresses() - before}")
        self.assertEqual(self.trap.came, 0)
        self.assert_others_are_told()

    def test_a_name_that_leads_inside_later_reaches_nobody(self):
        """Outside while it is registered, inside when it is connected to."""
        host = "later.example.test"
        self.names.lead(host, HERE)
        bob, before = self.user("bob"), self.refused_addresses()
        self.subscribe(bob, host=host, port=self.trap.port)
        self.names.lead(host, "127.0.0.1")
        self.send(bob)
        wait_for(lambda: self.refused_addresses() > before, "it is refused")
        self.assertEqual(self.trap.came, 0)

    def test_a_second_address_of_a_name_is_looked_at_too(self):
        """The first is outside, and nobody is there."""
        host = "second.example.test"
        self.names.lead(host, HERE, "127.0.0.1")
        bob, before = self.user("bob"), self.refused_addresses()
        self.subscribe(bob, host=host, port=self.trap.port)
        self.send(bob)
        wait_for(lambda: self.refused_addresses() > before, "it is refused")
        self.assertEqual(self.trap.came, 0)

    def test_a_redirect_is_not_followed(self):
        """Neither inside nor to where it might go."""
        for status in (301, 302, 303, 307, 308):
            for where in (f"https://127.0.0.1:{self.trap.port}/x",
                          self.endpoint(f"elsewhere-{status}")):
                with self.subTest(status=status, where=where):
                    bob = self.user("bob")
                    device = self.subscribe(bob)
                    self.provider.tell(device.token, {
                        "status": status, "headers": {"location": where}})
                    self.send(bob)
                    self.wait_failed(bob, device)
        self.assertEqual(self.trap.came, 0)

    def wait_failed(self, user, device):
        """It was asked once, and stays what it was."""
        wait_for(lambda: self.last_result(user, device.id) == "failed",
                 "it failed")
        self.assertEqual(self.device(user, device.id)["state"], "active")
        self.assertEqual(len(self.asked(device.token)), 1)
        self.assertEqual([one for one in self.provider.seen
                          if one.token.startswith("elsewhere")], [])

    # ---- what answers there ----

    def test_a_reply_of_a_gigabyte_is_cut(self):
        before = self.memory("VmRSS")
        bob = self.user("bob")
        device = self.subscribe(bob)
        self.provider.tell(device.token, {"status": 201, "act": "flood",
                                          "bytes": FLOOD_BYTES})
        self.send(bob)
        wait_for(lambda: self.last_result(bob, device.id) == "accepted",
                 "its status counts")
        self.assertLess(self.memory("VmHWM") - before, MEMORY_BYTES)

    def test_a_reply_that_drips_holds_up_nobody(self):
        bob, before = self.user("bob"), self.sent("webpush", "retry")
        device = self.subscribe(bob)
        self.provider.tell(device.token, {"status": 201, "act": "drip",
                                          "every": 1000})
        self.send(bob)
        wait_for(lambda: self.provider.count(device.token) == 1, "it is asked")
        self.assert_others_are_told()
        wait_for(lambda: self.sent("webpush", "retry") > before,
                 "it is ended, though it would go on")

    def test_a_certificate_of_another_name_gets_nothing(self):
        bob, before = self.user("bob"), self.sent("webpush", "retry")
        self.subscribe(bob, port=self.impostor.port)
        self.send(bob)
        wait_for(lambda: self.sent("webpush", "retry") > before, "it fails")
        self.assertEqual(self.impostor.count(), 0)

    # ---- what is kept ----

    def test_nothing_of_an_endpoint_is_kept_in_clear(self):
        bob, before = self.user("bob"), self.sent("webpush", "retry")
        self.names.lead("nobody.example.test", HERE)
        down = self.subscribe(bob, device="down", host="nobody.example.test",
                              port=self.trap.port)
        up = self.subscribe(bob, device="up")
        self.send(bob)
        self.wait_asked(up.token)
        wait_for(lambda: self.sent("webpush", "retry") > before, "one fails")
        self.settle_results(bob, up)
        kept = self.everything_kept()
        self.assertIn(bob.name.encode(), kept)
        for secret in (up.token, down.token, "example.test",
                       *(device.to_json()["keys"][name]
                         for device in (up, down)
                         for name in ("p256dh", "auth"))):
            self.assertNotIn(secret.encode(), kept)
        for device in (up, down):
            for name, text in device.to_json()["keys"].items():
                self.assertNotIn(base64.urlsafe_b64decode(text + "=="), kept,
                                 name)

    def settle_results(self, user, device):
        wait_for(lambda: self.last_result(user, device.id) == "accepted",
                 "the result is written down")
