"""Keys of identity providers: as a JSON Web Key, as a signature, as a token.

What an issuer would do, by the library `cryptography` and nothing of ours.
"""
import json
import os
import secrets
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature)

from devkit.token import b64url, compact


def number(value, length=None):
    """An integer as JWKs have it."""
    return b64url(value.to_bytes(length or (value.bit_length() + 7) // 8,
                                 "big"))


class Key:
    """A key pair of an issuer.

    alg: RS256, PS256, ES256 or EdDSA; kid: None for a key without one
    bits: of an RSA key
    """

    def __init__(self, alg, kid="", bits=2048):
        self.alg = alg
        self.kid = secrets.token_hex(8) if kid == "" else kid
        if alg in ("RS256", "PS256"):
            self.private = rsa.generate_private_key(65537, bits)
        elif alg == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
        else:
            self.private = ed25519.Ed25519PrivateKey.generate()

    def jwk(self, **more):
        """The public half; a member given as None is left out."""
        public = self.private.public_key()
        if self.alg in ("RS256", "PS256"):
            numbers = public.public_numbers()
            members = {"kty": "RSA", "n": number(numbers.n),
                       "e": number(numbers.e)}
        elif self.alg == "ES256":
            numbers = public.public_numbers()
            members = {"kty": "EC", "crv": "P-256",
                       "x": number(numbers.x, 32), "y": number(numbers.y, 32)}
        else:
            members = {"kty": "OKP", "crv": "Ed25519", "x": b64url(
                public.public_bytes(serialization.Encoding.Raw,
                                    serialization.PublicFormat.Raw))}
        members = {**members, "use": "sig", "alg": self.alg, "kid": self.kid,
                   **more}
        return {name: value for name, value in members.items()
                if value is not None}

    def sign(self, data):
        """The signature as a JWS has it."""
        if self.alg == "RS256":
            return self.private.sign(data, padding.PKCS1v15(),
                                     hashes.SHA256())
        if self.alg == "PS256":
            return self.private.sign(data, padding.PSS(
                padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        if self.alg == "ES256":
            r, s = decode_dss_signature(
                self.private.sign(data, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.private.sign(data)

    def compact(self, header, payload):
        """A JWS; header and payload are dicts, or raw bytes as they are."""
        signed = compact("", header, payload).rpartition(".")[0]
        return f"{signed}.{b64url(self.sign(signed.encode()))}"

    def header(self, **more):
        """Of a token; a member given as None is left out."""
        header = {"alg": self.alg, "typ": "JWT", "kid": self.kid, **more}
        return {name: value for name, value in header.items()
                if value is not None}

    def token(self, claims, **header):
        """A sound token but for what is given; None leaves it out."""
        now = int(time.time())
        payload = {"sub": "bob", "iat": now, "exp": now + 600, **claims}
        return self.compact(self.header(**header), {
            name: value for name, value in payload.items()
            if value is not None})


def put(path, text, mode=0o640):
    """Put a whole file in the place of whatever is there."""
    new = f"{path}.{secrets.token_hex(4)}"
    with open(new, "w", encoding="utf-8") as file:
        file.write(text if isinstance(text, str) else json.dumps(text))
    os.chmod(new, mode)
    os.rename(new, path)
