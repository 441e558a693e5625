"""An identity provider that does what a test says, good or bad.

One server has any number of issuers, told apart by the first part of the path:
issuer("a") is https://127.0.0.1:<port>/a. What it answers is looked up when it
is asked, so a test may change it at any time.
"""
import base64
import http.server
import json
import os
import secrets
import socketserver
import ssl
import subprocess
import threading

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"
KEYS = "/jwks"


def key(kid):
    """An Ed25519 public key that nobody has the other half of."""
    x = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=")
    return {"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": kid,
            "x": x.decode()}


def make_certificate(folder):
    """A certificate for loopback that signs itself; (its path, its key's)."""
    certificate, private = (os.path.join(folder, name)
                            for name in ("ca.pem", "tls-key.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
         "/CN=provider", "-addext",
         "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", private,
         "-out", certificate], check=True, capture_output=True)
    return certificate, private


class Answer:
    """One answer; body may be text, bytes, or what becomes JSON."""

    def __init__(self, body="", status=200, headers=None, pieces=None):
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        self.body = body.encode() if isinstance(body, str) else body
        self.status = status
        self.headers = headers or {}
        # Called with a function that sends bytes, instead of the body.
        self.pieces = pieces


class Issuer:
    """Its keys, and what it says about itself."""

    def __init__(self, base, name):
        self.path = "/" + name
        self.url = base + self.path
        self.jwks_uri = self.url + KEYS
        self.keys = [key(name + "-1")]
        self.answers = {}  # path -> Answer, in place of what it would say
        self.has_etag = True
        self.max_age_s = None
        self.is_oauth_only = False
        self.is_down = False
        self.requests = []  # (path, headers), oldest first

    def asked(self, path):
        """How often this was asked for."""
        return sum(1 for asked, _ in self.requests if asked == path)

    def document(self):
        return {"issuer": self.url, "jwks_uri": self.jwks_uri,
                "id_token_signing_alg_values_supported": ["EdDSA"],
                "mtls_endpoint_aliases": {"x": [{"y": None}]}}

    def answer(self, path, headers):
        self.requests.append((path, headers))
        if path in self.answers:
            return self.answers[path]
        if path == OPENID and not self.is_oauth_only or path == OAUTH:
            return Answer(self.document())
        if path != KEYS:
            return Answer("no", 404)
        body = json.dumps({"keys": self.keys})
        extra = {}
        if self.max_age_s is not None:
            extra["Cache-Control"] = f"public, max-age={self.max_age_s}"
        if not self.has_etag:
            return Answer(body, headers=extra)
        extra["ETag"] = f'"{hash(body)}"'
        if headers.get("If-None-Match") == extra["ETag"]:
            return Answer(status=304, headers=extra)
        return Answer(body, headers=extra)


class Provider:
    """The server; start() it, stop() it, and start() it at the same port."""

    def __init__(self, folder, tls=True):
        self.ca_file, self._private = make_certificate(folder) if tls \
            else ("", "")
        self.port = 0
        self.issuers = {}
        self._server = None
        self._thread = None
        self._tls = tls
        self.is_stopping = threading.Event()

    @property
    def base(self):
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def issuer(self, name):
        if name not in self.issuers:
            self.issuers[name] = Issuer(self.base, name)
        return self.issuers[name]

    def start(self):
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_arguments):
                pass

            def do_GET(self):
                provider.handle(self)

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def get_request(self):
                connection, peer = super().get_request()
                connection.settimeout(30)
                if provider._tls:
                    # Its thread shakes hands, not the one that accepts.
                    connection = context.wrap_socket(
                        connection, server_side=True,
                        do_handshake_on_connect=False)
                return connection, peer

            def handle_error(self, _request, _peer):
                pass  # who hangs up is no news here

        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.ca_file, self._private)
        self.is_stopping.clear()
        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def stop(self):
        if self._server is None:
            return
        self.is_stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = None

    def find(self, path):
        """(issuer, the rest of the path)"""
        if path.startswith(OAUTH + "/"):
            return self.issuers.get(path[len(OAUTH) + 1:]), OAUTH
        name, _, rest = path[1:].partition("/")
        return self.issuers.get(name), "/" + rest

    def handle(self, request):
        issuer, path = self.find(request.path)
        answer = Answer("no", 404) if issuer is None else \
            issuer.answer(path, request.headers)
        request.send_response(answer.status)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        if answer.pieces is not None:
            request.end_headers()
            answer.pieces(request.wfile.write)
            return
        if answer.status != 304:
            request.send_header("Content-Length", str(len(answer.body)))
        request.end_headers()
        request.wfile.write(answer.body)
