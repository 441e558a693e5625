"""Who calls, and is no client: a back end with a key, an operator at the
command line, a provider of identities that logs somebody out.
"""
import http.server
import json
import os
import secrets
import subprocess
import threading
import time
import urllib.parse

from devkit.jwk import Key
from devkit.process import StartError

CALL_TIMEOUT_S, COMMAND_S = 10, 60
CLIENT, NAMESPACE = "fault", "fault"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Provider:
    """Publishes one key, signs tokens, and says who has logged out."""

    def __init__(self):
        self.key = Key("ES256")
        body = json.dumps({"keys": [self.key.jwk()]}).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                       Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        daemon=True)
        self._thread.start()

    def setting(self):
        """An element of auth.issuers."""
        return (f"{self.issuer} jwks={self.issuer}/keys aud={CLIENT} "
                f"ns={NAMESPACE}")

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def token(self, subject, session, life_s):
        now = int(time.time())
        return self.key.token({
            "iss": self.issuer, "aud": CLIENT, "sub": subject, "sid": session,
            "iat": now, "exp": now + life_s})

    def logout_token(self, session):
        now = int(time.time())
        return self.key.token({
            "iss": self.issuer, "aud": CLIENT, "sid": session, "iat": now,
            "exp": now + 120, "jti": secrets.token_hex(8),
            "events": {EVENT: {}}}, typ="logout+jwt")


class Outside:
    """folder: for the file of keys; there before the stack is started"""

    def __init__(self, folder):
        self.provider = Provider()
        self._stack = None
        self._key = ""
        self._keys_file = os.path.join(folder, "api-keys")
        with open(os.open(self._keys_file, os.O_WRONLY | os.O_CREAT, 0o640),
                  "wb"):
            pass

    def settings(self):
        """The section `auth`."""
        return {"api_keys_file": self._keys_file,
                "issuers": [self.provider.setting()]}

    def enter(self, stack):
        """It runs; a back end gets its key."""
        self._stack = stack
        done = self._run("key", "add", "--name", "fault", "--scope",
                         "accounts,revoke")
        if done.returncode != 0:
            raise StartError("no key for a back end: " + done.stderr.strip())
        self._key = done.stdout.strip()

    def end(self):
        self.provider.stop()

    def _run(self, *words, timeout_s=COMMAND_S):
        return subprocess.run(
            [os.path.join(self._stack.build, "waypost"), "--config",
             self._stack.path("waypost.yaml"), *words],
            env=self._stack.base_env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout_s, check=False)

    def command(self, *words, timeout_s=COMMAND_S):
        """Whether the command says that it was done; killed after a time."""
        try:
            return self._run(*words, timeout_s=timeout_s).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def ask(self, path, body):
        """What a back end is answered."""
        return self._post(path, json.dumps(body), "application/json",
                          [("Authorization", "Bearer " + self._key)])

    def log_out(self, session):
        """What the provider is answered."""
        form = {"logout_token": self.provider.logout_token(session)}
        return self._post("/api/auth/backchannel-logout",
                          urllib.parse.urlencode(form),
                          "application/x-www-form-urlencoded")

    def _post(self, path, body, kind, headers=()):
        client = self._stack.http()
        client.timeout_s = CALL_TIMEOUT_S
        return client.request("POST", path, body,
                              [("Content-Type", kind), *headers])
