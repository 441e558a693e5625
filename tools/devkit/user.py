"""A user of Waypost as tests and the greeting of `make run` see one."""
import base64
import json

from devkit.websocket import WebSocket


def envelope(recipient, data=b"sealed", **fields):
    """A SecureEnvelope; data is what only the recipient could read."""
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return {"recipientId": recipient, "encryptedData": text, **fields}


class User:
    """Calls in the name of one user, through the front door of a stack."""

    def __init__(self, stack, name, token=None):
        self.stack = stack
        self.name = name
        self.urn = name if ":" in name else "urn:sm:user:" + name
        self.token = token or stack.token(name)
        self.http = stack.http()

    def call(self, method, target, body=None, headers=()):
        """body: bytes or text as they are, anything else as JSON."""
        pairs = [("Authorization", "Bearer " + self.token)]
        if body is not None:
            if not isinstance(body, (bytes, str)):
                body = json.dumps(body)
            pairs.append(("Content-Type", "application/json"))
        extra = list(headers.items() if isinstance(headers, dict)
                     else headers)
        names = {name.lower() for name, _ in extra}
        pairs = [pair for pair in pairs if pair[0].lower() not in names]
        return self.http.request(
            method, target, body,
            pairs + [pair for pair in extra if pair[1] is not None])

    def send(self, recipient, data=b"sealed", headers=(), query="", **fields):
        name = recipient.urn if isinstance(recipient, User) else recipient
        return self.call("POST", "/api/send" + query,
                         envelope(name, data, **fields), headers)

    def pull(self, **query):
        text = "&".join(f"{key}={value}" for key, value in query.items())
        return self.call("GET", "/api/messages" + ("?" + text if text else ""))

    def ack(self, ids):
        return self.call("POST", "/api/messages/ack",
                         {"messageIds": list(ids)})

    def connect(self, target="/connect", headers=(), **how):
        pairs = [("Authorization", "Bearer " + self.token)]
        pairs += list(headers.items() if isinstance(headers, dict)
                      else headers)
        how.setdefault("timeout_s", self.http.timeout_s)
        return WebSocket(self.stack.port, target, pairs,
                         host=self.stack.host, **how)
