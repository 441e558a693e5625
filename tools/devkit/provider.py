"""Providers of pushes that do what a test says (tests/push/*.mjs)."""
import base64
import json
import os
import shutil
import subprocess
import threading

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), "tests", "push")
OLDEST = 20  # node; what provider.mjs is tried with
STOP_S = 30


def why_not():
    """What is not here of what they need; None: it is all there."""
    if shutil.which("node") is None:
        return "there is no node"
    said = subprocess.run(["node", "--version"], capture_output=True,
                          text=True, check=True).stdout.strip()
    if int(said[1:].split(".")[0]) < OLDEST:
        return f"node {said} is too old for it, v{OLDEST} would do"
    return None


def make_certificate(folder, name, *hosts):
    """One that signs itself, for hosts as "DNS:push.example" or
    "IP:127.0.0.1"; (its path, its key's). It is its own push.ca_file."""
    certificate, key = (os.path.join(folder, name + end)
                        for end in (".pem", "-key.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=" + name, "-addext", "subjectAltName=" + ",".join(hosts),
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True)
    return certificate, key


def write_secret(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w",
              encoding="ascii") as file:
        file.write(text)
    return path


def make_key(*arguments):
    """As openssl genpkey -algorithm has it, as PEM."""
    return subprocess.run(["openssl", "genpkey", "-algorithm", *arguments],
                          check=True, capture_output=True, text=True).stdout


def make_apps(folder, base, phone, iphone):
    """push.apps with an app of each, told at base; its files are in folder."""
    account = write_secret(os.path.join(folder, "account.json"), json.dumps({
        "type": "service_account", "project_id": "waypost-test",
        "private_key_id": "1", "client_email": "push@waypost.test",
        "private_key": make_key("RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
        "token_uri": base + "/token"}))
    key = write_secret(os.path.join(folder, "AuthKey.p8"), make_key(
        "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
    return [f"{phone} kind=fcm credentials_file={account} base={base}",
            f"{iphone} kind=apns team=TEAM567890 key=KEY4567890 "
            f"key_file={key} base={base}"]


class Request:
    """One that a provider was asked, at a time of time.time()."""

    def __init__(self, said):
        self.at = said["at"] / 1000
        self.is_over = said["until"] is not None
        self.status = said["status"]
        self.beside = said["beside"]
        self.token = said["token"]
        self.method = said["method"]
        self.path = said["path"]
        self.http = said["http"]
        self.headers = said["headers"]
        self.body = base64.b64decode(said["body"])

    def __repr__(self):
        return f"<{self.method} {self.path} {self.headers}>"


class NodeProgram:
    """A program of tests/push: a line of JSON for a line of JSON.

    Threads: any
    """

    def __init__(self, script, **options):
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            ["node", os.path.join(FOLDER, script), json.dumps(options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        self.said = self._hear()

    @property
    def pid(self):
        return self._process.pid

    def _hear(self):
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("the fake has ended")
        return json.loads(line)

    def ask(self, **what):
        with self._lock:
            self._process.stdin.write(json.dumps(what) + "\n")
            self._process.stdin.flush()
            return self._hear()

    def stop(self):
        self._process.stdin.close()
        self._process.wait(STOP_S)
        self._process.stdout.close()


class FakeProvider(NodeProgram):
    """provider.mjs; answers are what it says of them."""

    def __init__(self, certificate, key, **options):
        super().__init__("provider.mjs", cert=certificate, key=key, **options)
        self.port = self.said["port"]

    def tell(self, token, *answers):
        self.ask(tell=token, answers=answers or ({},))

    def requests(self, ended=False):
        """Those since they were asked for last, oldest first; or only those
        of them that are over."""
        return [Request(one) for one in self.ask(
            requests=True, ended=ended)["requests"]]

    def go_down(self):
        """Nobody listens any more, until come_up()."""
        self.ask(down=True)

    def come_up(self):
        self.ask(up=True)

    def count(self, token="*"):
        return self.ask(count=token)["count"]

    def connections(self):
        return self.ask(count="*")["connections"]


class FakeMail(NodeProgram):
    """smtp.mjs; an answer is what it says of them."""

    def __init__(self, **options):
        super().__init__("smtp.mjs", **options)
        self.port = self.said["port"]

    def tell(self, address, **answer):
        self.ask(tell=address, answer=answer)

    def letters(self):
        """Those since they were asked for last, oldest first."""
        return self.ask(letters=True)["letters"]
