"""An authenticator in software: passkeys as a browser would answer with them.

Every part of an answer can be changed before it is signed, so that tests can send what no honest
authenticator would.
"""

import base64
import hashlib
import json
import os
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

ES256, EDDSA, RS256 = -7, -8, -257
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, CREDENTIAL, EXTENSIONS = 1, 4, 8, 16, 64, 128
MODEL = bytes(16)


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def to_base64(data):
    return base64.b64encode(data).decode()


def _head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | info]) + number.to_bytes(size, "big")
    raise ValueError(number)


def cbor(value):
    """Canonical CBOR, as far as authenticators write it."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(cbor, value))
    return _head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())


class _Es256:
    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())

    def public(self):
        numbers = self.key.public_key().public_numbers()
        return {1: 2, 3: ES256, -1: 1, -2: numbers.x.to_bytes(32, "big"),
                -3: numbers.y.to_bytes(32, "big")}

    def sign(self, data):
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


class _Eddsa:
    def __init__(self):
        self.key = ed25519.Ed25519PrivateKey.generate()

    def public(self):
        from cryptography.hazmat.primitives import serialization as form
        raw = self.key.public_key().public_bytes(form.Encoding.Raw, form.PublicFormat.Raw)
        return {1: 1, 3: EDDSA, -1: 6, -2: raw}

    def sign(self, data):
        return self.key.sign(data)


class _Rs256:
    def __init__(self, bits=2048):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=bits)

    def public(self):
        numbers = self.key.public_key().public_numbers()
        return {1: 3, 3: RS256, -1: numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big"),
                -2: numbers.e.to_bytes(3, "big")}

    def sign(self, data):
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())


KEYS = {ES256: _Es256, EDDSA: _Eddsa, RS256: _Rs256}


class Passkey:
    """One credential. `counts`: whether its counter goes up."""

    def __init__(self, origin, algorithm=ES256, counts=False, flags=PRESENT | VERIFIED, **key):
        self.origin = origin
        self.key = KEYS[algorithm](**key)
        self.id = os.urandom(32)
        self.user_handle = b""
        self.rp_id = None
        self.count = 0
        self.counts = counts
        self.flags = flags

    def _client_data(self, kind, challenge, changes):
        data = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        data.update(changes)
        return json.dumps(data, separators=(",", ":")).encode()

    def _data(self, rp_id, flags, tail=b""):
        if self.counts:
            self.count += 1
        return (hashlib.sha256(rp_id.encode()).digest() + bytes([flags])
                + struct.pack(">I", self.count) + tail)

    def create(self, options, rp_id=None, flags=None, fmt="none", statement=None, public=None,
               credential_id=None, tail=b"", **client_data):
        """What navigator.credentials.create() answers, as FinishPasskey wants it."""
        options = json.loads(options)
        self.rp_id = options["rp"]["id"]
        self.user_handle = from_base64url(options["user"]["id"])
        identity = self.id if credential_id is None else credential_id
        credential = (MODEL + struct.pack(">H", len(identity)) + identity
                      + cbor(self.key.public() if public is None else public))
        data = self._data(rp_id or self.rp_id,
                          (self.flags if flags is None else flags) | CREDENTIAL,
                          credential + tail)
        attestation = cbor({"fmt": fmt, "attStmt": statement or {}, "authData": data})
        return {"clientDataJson": to_base64(self._client_data("webauthn.create",
                                                              options["challenge"], client_data)),
                "attestationObject": to_base64(attestation)}

    def get(self, options, rp_id=None, flags=None, user_handle=None, tail=b"", signature=None,
            **client_data):
        """What navigator.credentials.get() answers, as a PasskeyAssertion."""
        options = json.loads(options)
        flags = self.flags if flags is None else flags
        data = self._data(rp_id or self.rp_id, flags, tail)
        client = self._client_data("webauthn.get", options["challenge"], client_data)
        signed = self.key.sign(data + hashlib.sha256(client).digest())
        handle = self.user_handle if user_handle is None else user_handle
        return {"credentialId": to_base64(self.id), "clientDataJson": to_base64(client),
                "authenticatorData": to_base64(data),
                "signature": to_base64(signed if signature is None else signature),
                "userHandle": to_base64(handle)}
