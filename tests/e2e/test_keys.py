"""waypost-keys: the keys of providers that are well, ill, or hostile, and those
of our own; as files, which is all that the other programs see of it."""
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import unittest

from devkit.process import Program
from devkit.stack import scrubbed_environment, to_yaml
from harness import KEYS as NAME
from harness import PATIENCE_S, SLOWNESS, scratch, wait_for
from provider import KEYS, OAUTH, OPENID, Answer, Provider, key

BUILD = os.path.abspath(os.environ.get("WAYPOST_E2E_BUILD", "build/release"))
# A fetch that fails is tried again within five seconds; a slow one takes five.
RETRY_S = 20 * SLOWNESS


class KeysProgram:
    """One waypost-keys in a folder of its own."""

    def __init__(self, issuers=(), **sections):
        self.folder = scratch()
        self.key_dir = os.path.join(self.folder, "keys")
        self.sections = {
            "auth": {"issuers": list(issuers), "key_dir": self.key_dir,
                     **sections.pop("auth", {})},
            "accounts": {"enabled": False},
            **sections,
        }
        self.config = os.path.join(self.folder, "waypost.yaml")
        self.metrics_path = os.path.join(self.folder, "m.sock")
        self.write_config()
        self.program = Program(
            "keys", [os.path.join(BUILD, NAME), "--config", self.config],
            {**scrubbed_environment(),
             "WAYPOST_KEYS_METRICS_LISTEN": "unix:" + self.metrics_path},
            self.folder, os.path.join(self.folder, "keys.log"),
            lambda: self.metrics() is not None, slowness=SLOWNESS)

    def write_config(self):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(to_yaml(self.sections))

    def start(self):
        self.program.start()
        return self

    def log(self):
        with open(self.program.log_path, encoding="utf-8") as file:
            return file.read()

    def metrics(self):
        """{name and labels: value}; None when nobody answers."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            try:
                peer.connect(self.metrics_path)
            except OSError:
                return None
            peer.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            answer = http.client.HTTPResponse(peer)
            answer.begin()
            text = answer.read().decode()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
                for line in text.splitlines() if not line.startswith("#")}

    def count(self, name, **labels):
        text = ",".join(f'{key}="{value}"' for key, value in labels.items())
        return self.metrics()[f"waypost_keys_{name}" +
                              (f"{{{text}}}" if text else "")]

    def fetches(self, result):
        return self.count("fetches_total", result=result)

    @staticmethod
    def id_of(issuer):
        return hashlib.sha256(issuer.encode()).hexdigest()[:32]

    def path_of(self, issuer):
        return os.path.join(self.key_dir, f"issuer-{self.id_of(issuer)}.json")

    def read(self, issuer):
        """What lies there for this issuer; None when nothing does."""
        try:
            with open(self.path_of(issuer), encoding="utf-8") as file:
                return json.load(file)
        except FileNotFoundError:
            return None

    def kids(self, issuer):
        file = self.read(issuer)
        return file and [each["kid"] for each in file["keys"]]

    def wait_kids(self, issuer, kids, timeout_s=PATIENCE_S):
        wait_for(lambda: self.kids(issuer) == kids,
                 f"{kids} of {issuer}:\n{self.log()}", timeout_s)

    def knock(self, *texts):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
            peer.connect(os.path.join(self.key_dir, "keys.sock"))
            for text in texts:
                peer.send(text)

    def signing(self):
        return sorted(name for name in os.listdir(self.key_dir)
                      if name.startswith("sign-"))


class KeysTest(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.provider = Provider(scratch()).start()

    @classmethod
    def tearDownClass(cls):
        cls.provider.stop()

    def issuer(self, name):
        """One of this test's own."""
        return self.provider.issuer(f"{self.id().rpartition('.')[2]}-{name}")

    def begin(self, *issuers, refresh_s=1, **sections):
        """A running waypost-keys that trusts our provider."""
        auth = {"ca_file": self.provider.ca_file,
                "key_refresh_seconds": refresh_s, **sections.pop("auth", {})}
        keys = KeysProgram(issuers, auth=auth, **sections)
        self.addCleanup(self.end, keys)
        return keys.start()

    def end(self, keys):
        self.assertIn(keys.program.stop(), (0, None, -signal.SIGKILL),
                      keys.program.log_tail(40))
        shutil.rmtree(keys.folder, ignore_errors=True)


class Fetching(KeysTest):
    def test_keys_are_found_by_discovery_and_laid_down_whole(self):
        one = self.issuer("one")
        keys = self.begin(f"{one.url} aud=x", refresh_s=900)
        keys.wait_kids(one.url, [one.keys[0]["kid"]])
        file = keys.read(one.url)
        self.assertEqual(list(file), ["issuer", "jwks_uri", "etag",
                                      "fetched_ms", "keys"])
        self.assertEqual(file["issuer"], one.url)
        self.assertEqual(file["jwks_uri"], one.jwks_uri)
        self.assertEqual(file["keys"], one.keys)
        info = os.stat(keys.path_of(one.url))
        self.assertEqual(stat.S_IMODE(info.st_mode), 0o640)
        self.assertEqual(stat.S_IMODE(os.stat(keys.key_dir).st_mode), 0o750)
        self.assertEqual(sorted(os.listdir(keys.key_dir)), sorted([
            os.path.basename(keys.path_of(one.url)), "keys.lock",
            "keys.sock"]))
        agent = one.requests[0][1]["User-Agent"]
        self.assertRegex(agent, r"^waypost-keys/\d")

    def test_the_other_document_is_asked_for_when_one_is_missing(self):
        one = self.issuer("one")
        one.is_oauth_only = True
        keys = self.begin(f"{one.url} aud=x")
        keys.wait_kids(one.url, [one.keys[0]["kid"]])

    def test_a_named_key_set_needs_no_discovery(self):
        one = self.issuer("one")
        one.answers[OPENID] = Answer("no", 500)
        keys = self.begin(f"{one.url} aud=x jwks={one.jwks_uri}")
        keys.wait_kids(one.url, [one.keys[0]["kid"]])
        self.assertEqual(one.asked(OPENID), 0)

    def test_what_is_unchanged_is_fresh_again(self):
        one = self.issuer("one")
        keys = self.begin(f"{one.url} aud=x")
        keys.wait_kids(one.url, [one.keys[0]["kid"]])
        before = keys.read(one.url)
        wait_for(lambda: keys.read(one.url)["fetched_ms"] >
                 before["fetched_ms"], "it is written again")
        self.assertEqual(keys.read(one.url)["keys"], before["keys"])
        wait_for(lambda: keys.fetches("unchanged"), "it is counted")
        self.assertEqual(one.requests[-1][1]["If-None-Match"],
                         before["etag"])
        self.assertEqual(one.asked(OPENID), 1)

    def test_keys_come_and_go(self):
        one = self.issuer("one")
        first = one.keys[0]
        keys = self.begin(f"{one.url} aud=x")
        keys.wait_kids(one.url, [first["kid"]])
        one.keys = [first, key("second")]
        keys.wait_kids(one.url, [first["kid"], "second"])
        one.keys = [one.keys[1]]
        keys.wait_kids(one.url, ["second"])

    def test_secrets_of_a_provider_are_not_passed_on(self):
        one = self.issuer("one")
        good = one.keys[0]
        one.keys = [{**key("open"), "d": "c2VjcmV0"}, good,
                    {"kty": "oct", "kid": "hs", "k": "c2VjcmV0"}]
        keys = self.begin(f"{one.url} aud=x")
        keys.wait_kids(one.url, [good["kid"]])
        with open(keys.path_of(one.url), encoding="utf-8") as file:
            self.assertNotIn("c2VjcmV0", file.read())
        wait_for(lambda: "publishes private keys" in keys.log(), "a line")
        self.assertNotIn("c2VjcmV0", keys.log())


class Trouble(KeysTest):
    timeout_s = 120

    def test_whatever_a_provider_does_old_keys_stay_and_new_ones_come(self):
        """Good, bad, good: eleven providers at a time."""
        slow = Answer(pieces=self.drip)
        bad = {
            "e500": {KEYS: Answer("no", 500)},
            "empty": {KEYS: Answer({"keys": []})},
            "html": {KEYS: Answer("<html><body>login</body></html>")},
            "long": {KEYS: Answer("x" * (1 << 20))},
            "drip": {KEYS: slow},
            "moved": {KEYS: Answer("", 302, {
                "Location": self.issuer("moved").url + "/elsewhere"})},
            "other": {OPENID: Answer({"issuer": "https://other.example",
                                      "jwks_uri": "https://x.example/"})},
            "plain": {OPENID: Answer({
                "issuer": self.issuer("plain").url,
                "jwks_uri": "http://127.0.0.1:1/jwks"})},
            # Never a packet: there is no such network here either.
            "inward": {OPENID: Answer({
                "issuer": self.issuer("inward").url,
                "jwks_uri": "https://[fd00::1]/jwks"})},
            "weak": {KEYS: Answer({"keys": [{"kty": "oct", "k": "AAAA"}]})},
            "gone": {OPENID: Answer("no", 404), OAUTH: Answer("no", 404)},
        }
        issuers = {name: self.issuer(name) for name in bad}
        for name, answers in bad.items():
            issuers[name].answers.update(answers)
        keys = self.begin(*[f"{one.url} aud=x ns=n{i}"
                            for i, one in enumerate(issuers.values())])

        self.assert_all_fail(keys, issuers)
        for one in issuers.values():
            self.assertIsNone(keys.read(one.url), one.url)
            one.answers.clear()
        for one in issuers.values():
            keys.wait_kids(one.url, [one.keys[0]["kid"]], RETRY_S)

        for name, answers in bad.items():
            # What is known makes nobody look for it again.
            issuers[name].answers.update({KEYS: Answer("no", 500), **answers})
            issuers[name].has_etag = False
        self.assert_all_fail(keys, issuers)
        for one in issuers.values():
            self.assertEqual(keys.kids(one.url), [one.keys[0]["kid"]])
        self.assertEqual(self.issuer("moved").asked("/elsewhere"), 0)
        # Who fails now is tried again, and by a look at where its keys are.
        for result in ("forbidden", "status", "malformed", "no_key"):
            wait_for(lambda name=result: keys.fetches(name) >= 2, result,
                     RETRY_S)
        self.assertGreaterEqual(keys.fetches("unreachable"), 1)

    def drip(self, send):
        """A byte a second, as long as somebody takes them."""
        while not self.provider.is_stopping.wait(1):
            send(b" ")

    def assert_all_fail(self, keys, issuers):
        wait_for(lambda: keys.count("failing") == len(issuers),
                 "all fail", RETRY_S)

    def test_a_provider_that_is_down_is_not_given_up(self):
        one = self.issuer("one")
        provider = Provider(scratch()).start()
        self.addCleanup(provider.stop)
        one = provider.issuer("one")
        provider.stop()
        keys = self.begin(f"{one.url} aud=x",
                          auth={"ca_file": provider.ca_file})
        wait_for(lambda: keys.fetches("unreachable") >= 1, "a failure")
        provider.start()
        keys.wait_kids(one.url, [one.keys[0]["kid"]], RETRY_S)
        # And down again: what is known stays.
        provider.stop()
        wait_for(lambda: keys.count("failing") == 1, "it is missed")
        self.assertEqual(keys.kids(one.url), [one.keys[0]["kid"]])

    def test_nobody_else_is_believed(self):
        one = self.issuer("one")
        keys = self.begin(f"{one.url} aud=x", auth={"ca_file": ""})
        wait_for(lambda: keys.fetches("untrusted") >= 1, "a refusal")
        self.assertIsNone(keys.read(one.url))
        self.assertEqual(one.requests, [])


class Wishes(KeysTest):
    def test_keys_that_somebody_misses_are_fetched_at_once(self):
        one = self.issuer("one")
        keys = self.begin(f"{one.url} aud=x", refresh_s=86400)
        keys.wait_kids(one.url, [one.keys[0]["kid"]])
        one.keys = [key("second")]
        wish = keys.id_of(one.url).encode()

        def is_heard():
            keys.knock(wish)
            return keys.count("early_total", result="granted") == 1
        wait_for(is_heard, "ten seconds pass")
        keys.wait_kids(one.url, ["second"])

    def test_a_flood_of_wishes_costs_one_fetch(self):
        one = self.issuer("one")
        keys = self.begin(f"{one.url} aud=x", refresh_s=86400)
        keys.wait_kids(one.url, [one.keys[0]["kid"]])
        before = len(one.requests)
        odd = [b"", b"x", b"0" * 31, b"0" * 33, b"0" * 32, b"\0" * 32,
               keys.id_of(one.url).upper().encode(), b"x" * 4096]
        wish = keys.id_of(one.url).encode()
        for _ in range(200):
            keys.knock(wish, *odd)

        def are_heard():
            unknown = keys.count("early_total", result="unknown")
            return unknown == 200 * len(odd)
        wait_for(are_heard, "all are heard")
        granted = keys.count("early_total", result="granted")
        self.assertLessEqual(granted, 1)
        self.assertEqual(keys.count("early_total", result="refused"),
                         200 - granted)
        self.assertLessEqual(len(one.requests) - before, granted)

    def test_the_socket_is_for_the_group(self):
        keys = self.begin(f"{self.issuer('one').url} aud=x")
        path = os.path.join(keys.key_dir, "keys.sock")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)


class Lives(KeysTest):
    def run_again(self, keys, *arguments):
        return subprocess.run(
            [*keys.program.argv, *arguments], env=scrubbed_environment(),
            cwd=keys.folder, capture_output=True, text=True,
            timeout=30 * SLOWNESS, check=False)

    def test_there_is_one_and_it_is_named(self):
        keys = self.begin(f"{self.issuer('one').url} aud=x")
        done = self.run_again(keys)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"process {keys.program.pid} ",
                      done.stderr.splitlines()[-1])
        # It has disturbed nobody.
        self.assertTrue(os.path.exists(os.path.join(keys.key_dir,
                                                    "keys.sock")))
        done = self.run_again(keys, "--check")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_kill_costs_nothing(self):
        one = self.issuer("one")
        keys = self.begin(f"{one.url} aud=x", refresh_s=86400)
        keys.wait_kids(one.url, [one.keys[0]["kid"]])
        keys.program.kill()
        half = os.path.join(keys.key_dir, ".new-0123456789abcdef")
        with open(half, "w", encoding="ascii"):
            pass
        asked = len(one.requests)
        keys.program.start()
        wait_for(lambda: not os.path.exists(half), "it is swept")
        # What is fresh is not asked for again: one that is started over and
        # over would do nothing else.
        self.assertEqual(keys.count("issuers"), 1)
        self.assertEqual(len(one.requests), asked)
        self.assertEqual(keys.fetches("fetched"), 0)
        # It listens again, and what it knows is believed unchanged.
        keys.knock(keys.id_of(one.url).encode())
        wait_for(lambda: keys.fetches("unchanged") == 1, "it is heard")

    def test_a_reload_has_other_issuers(self):
        one, two = self.issuer("one"), self.issuer("two")
        keys = self.begin(f"{one.url} aud=x", refresh_s=900)
        keys.wait_kids(one.url, [one.keys[0]["kid"]])
        keys.sections["auth"]["issuers"] = [f"{two.url} aud=x"]
        keys.write_config()
        keys.program.signal(signal.SIGHUP)
        keys.wait_kids(two.url, [two.keys[0]["kid"]])
        # A bad one is refused as a whole.
        keys.sections["auth"]["issuers"] = []
        keys.sections["auth"]["ca_file"] = "/nowhere/ca.pem"
        keys.write_config()
        keys.program.signal(signal.SIGHUP)
        wait_for(lambda: "reload refused" in keys.log(), "a refusal")
        self.assertEqual(keys.count("issuers"), 1)
        # Also one that only libcurl knows to be bad.
        keys.sections["auth"]["issuers"] = ["https://idp.example:99999 aud=x"]
        del keys.sections["auth"]["ca_file"]
        keys.write_config()
        keys.program.signal(signal.SIGHUP)
        wait_for(lambda: keys.log().count("reload refused") == 2, "a refusal")
        self.assertEqual(keys.count("issuers"), 1)
        self.assertEqual(keys.log().count("settings reloaded"), 1)

    def test_with_nothing_to_do_it_says_so_and_ends(self):
        keys = KeysProgram()
        self.addCleanup(shutil.rmtree, keys.folder)
        done = self.run_again(keys)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("nothing to do", done.stderr)
        self.assertFalse(os.path.exists(keys.key_dir))

    def test_it_says_what_is_wrong(self):
        keys = KeysProgram(auth={"ca_file": "/nowhere/ca.pem",
                                 "issuers": ["https://x.example aud=x"]})
        self.addCleanup(shutil.rmtree, keys.folder)
        for arguments in ([], ["--check"]):
            done = self.run_again(keys, *arguments)
            self.assertEqual(done.returncode, 1)
            self.assertIn("auth.ca_file", done.stderr)
        keys.sections["auth"]["ca_file"] = ""
        keys.write_config()
        shutil.rmtree(keys.key_dir)
        os.mkdir(keys.key_dir)
        os.chmod(keys.key_dir, 0o777)
        for arguments in ([], ["--check"]):
            done = self.run_again(keys, *arguments)
            self.assertEqual(done.returncode, 1)
            self.assertIn("can be written by others", done.stderr)


class Own(KeysTest):
    def own(self, **accounts):
        return self.begin(accounts={"enabled": True, **accounts})

    def wait_own(self, keys, count):
        wait_for(lambda: len(keys.kids("waypost") or ()) == count,
                 f"{count} keys of our own:\n{keys.log()}")

    def test_the_first_key_is_made_and_published(self):
        keys = self.own()
        self.wait_own(keys, 1)
        name, = keys.signing()
        made, kid = re.fullmatch(r"sign-(\d+)-([0-9a-f]{16})\.pem",
                                 name).groups()
        self.assertEqual(keys.kids("waypost"), [kid])
        path = os.path.join(keys.key_dir, name)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(keys.path_of("waypost"), encoding="utf-8") as file:
            published = file.read()
        self.assertNotIn('"d"', published)
        self.assertNotIn("PRIVATE", keys.log())
        # openssl sees the same key, by the same name.
        der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout",
                              "-outform", "DER"], capture_output=True,
                             check=True).stdout
        self.assertEqual(hashlib.sha256(der).hexdigest()[:16], kid)
        self.assertGreater(int(made), 1_700_000_000)

    def test_its_own_keys_are_fresh_again_like_all_others(self):
        keys = self.own()
        self.wait_own(keys, 1)
        before = keys.read("waypost")["fetched_ms"]
        wait_for(lambda: keys.read("waypost")["fetched_ms"] > before,
                 "it is written again")

    def test_the_operator_gets_another_key(self):
        keys = self.own(signing_algorithm="RS256")
        self.wait_own(keys, 1)
        keys.program.signal(signal.SIGUSR1)
        self.wait_own(keys, 2)
        self.assertEqual([each["alg"] for each in
                          keys.read("waypost")["keys"]], ["RS256", "RS256"])
        keys.program.signal(signal.SIGUSR1)
        wait_for(lambda: "one waits already" in keys.log(), "a refusal")
        self.assertEqual(len(keys.signing()), 2)

    def waypost(self, keys, *arguments):
        return subprocess.run(
            [os.path.join(BUILD, "waypost"), "--config", keys.config,
             *arguments], env=scrubbed_environment(), cwd=keys.folder,
            capture_output=True, text=True, timeout=30 * SLOWNESS, check=False)

    def test_the_command_line_lists_and_makes_keys(self):
        one = self.issuer("one")
        one.keys[0]["kid"] = "a\nb\u202e"
        keys = self.begin(f"{one.url} aud=x ns=n",
                          "http://127.0.0.1:1/ aud=x ns=m",
                          accounts={"enabled": True})
        self.wait_own(keys, 1)
        keys.wait_kids(one.url, [one.keys[0]["kid"]])
        first, = keys.kids("waypost")
        done = self.waypost(keys, "keys", "rotate")
        self.assertEqual(done.returncode, 0, done.stderr)
        second = done.stdout.strip()
        self.wait_own(keys, 2)
        self.assertEqual(keys.kids("waypost"), [first, second])

        done = self.waypost(keys, "keys", "list", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = json.loads(done.stdout)
        self.assertEqual([row["issuer"] for row in rows],
                         [one.url, "http://127.0.0.1:1/", "waypost"])
        self.assertEqual(rows[0]["keys"], [{"alg": "EdDSA",
                                            "kid": one.keys[0]["kid"]}])
        self.assertIn("not there", rows[1]["error"])
        self.assertEqual(rows[2]["keys"], [
            {"alg": "ES256", "kid": first, "role": "signs"},
            {"alg": "ES256", "kid": second, "role": "signs later"}])
        said = self.waypost(keys, "keys", "list").stdout
        self.assertIn(r'"a\u000ab', said)
        self.assertIn(f'ES256   "{first}"  signs\n', said)

        # One that waits is new enough.
        done = self.waypost(keys, "keys", "rotate")
        self.assertEqual(done.returncode, 1)
        self.assertIn(second, done.stderr)
        keys.program.stop()
        os.unlink(os.path.join(keys.key_dir, keys.signing()[-1]))
        done = self.waypost(keys, "keys", "rotate")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no waypost-keys runs here", done.stderr)

    def test_a_kill_costs_no_key(self):
        keys = self.own()
        self.wait_own(keys, 1)
        kids = keys.kids("waypost")
        keys.program.kill()
        keys.program.start()
        wait_for(lambda: keys.count("signing") == 1, "it has looked")
        self.assertEqual(keys.kids("waypost"), kids)
        self.assertEqual(keys.count("made_total"), 0)
