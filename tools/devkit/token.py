"""Minting JWTs, sound ones and rotten ones (RFC 7515, RFC 7519)."""
import base64
import hashlib
import hmac
import json
import time


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign_hs256(secret, signed):
    """The signature part over the text signed."""
    key = secret if isinstance(secret, bytes) else secret.encode()
    return b64url(hmac.new(key, signed.encode(), hashlib.sha256).digest())


def compact(secret, header, payload):
    """A compact JWS; header and payload are dicts, or raw bytes as they are."""
    parts = []
    for part in (header, payload):
        if not isinstance(part, bytes):
            part = json.dumps(part, separators=(",", ":")).encode()
        parts.append(b64url(part))
    signed = ".".join(parts)
    return f"{signed}.{sign_hs256(secret, signed)}"


def mint(secret, sub, expires_in_s=3600, **claims):
    """A sound HS256 token; a claim given as None is left out."""
    now = int(time.time())
    payload = {"sub": sub, "iat": now, "exp": now + expires_in_s, **claims}
    payload = {key: value for key, value in payload.items()
               if value is not None}
    return compact(secret, {"alg": "HS256", "typ": "JWT"}, payload)
