"""A browser's side of Web Push: what it subscribes with, and how it reads what
it is sent (RFC 8291)."""
import base64
import json
import os
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

POINT_BYTES, SALT_BYTES, AUTH_BYTES = 65, 16, 16
# Salt, size of a record, length of the key that follows (RFC 8188 2.1).
HEADER = struct.Struct(">16sIB")
LAST_RECORD = b"\x02"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def vapid_pem():
    """A key for push.vapid_key."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()).decode()


def _derive(key, salt, info, length):
    return HKDF(hashes.SHA256(), length, salt, info).derive(key)


class Subscription:
    """One device of one user, at an endpoint."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._auth = os.urandom(AUTH_BYTES)

    def _point(self):
        return self._key.public_key().public_bytes(
            serialization.Encoding.X962,
            serialization.PublicFormat.UncompressedPoint)

    def to_json(self):
        """As a browser's toJSON() has it."""
        return {"endpoint": self.endpoint, "expirationTime": None,
                "keys": {"p256dh": b64url(self._point()),
                         "auth": b64url(self._auth)}}

    def read(self, body):
        """What was sent, decrypted. A body of somebody else raises."""
        salt, _, length = HEADER.unpack_from(body)
        point = body[HEADER.size:HEADER.size + length]
        sealed = body[HEADER.size + length:]
        sender = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), point)
        shared = self._key.exchange(ec.ECDH(), sender)
        key = _derive(shared, self._auth,
                      b"WebPush: info\0" + self._point() + point, 32)
        text = AESGCM(_derive(
            key, salt, b"Content-Encoding: aes128gcm\0", 16)).decrypt(
                _derive(key, salt, b"Content-Encoding: nonce\0", 12), sealed,
                None)
        text = text.rstrip(b"\0")
        if text[-1:] != LAST_RECORD:
            raise ValueError("not the only record")
        return text[:-1]

    def push_of(self, request):
        """The id of the push that this is (provider.Request)."""
        return json.loads(self.read(request.body))["id"]
