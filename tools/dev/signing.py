"""Secrets as handlers/secrets.c seals them, and with them the keys that sign access tokens.

For tests and benches that sign tokens of their own: they have the master key, as the server has.
"""

import base64
import hashlib
import os

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
PURPOSE = "signing_keys.private_key"
KEY_ID_LENGTH = 16


def _cipher(master_key_path):
    return AESGCM(base64.b64decode(master_key_path.read_text(encoding="ascii").splitlines()[0]))


def _context(purpose, number):
    return purpose.encode() + b"\0" + (number % 2 ** 64).to_bytes(8, "big")


def seal(master_key_path, purpose, number, plain):
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _cipher(master_key_path).encrypt(nonce, plain, _context(purpose, number))


def unseal(master_key_path, purpose, number, sealed):
    return _cipher(master_key_path).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:],
                                            _context(purpose, number))


def public_point(key):
    numbers = key.public_key().public_numbers()
    return numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def key_id(key):
    """What tokens call a key: the start of the SHA-256 of its public point."""
    return hashlib.sha256(public_point(key)).hexdigest()[:KEY_ID_LENGTH]


def newest_key(psql, master_key_path):
    """The key that signs. `psql` runs a statement in the server's database."""
    kid, sealed = psql("SELECT kid, encode(private_key, 'hex') FROM signing_keys "
                       "WHERE signs_from <= now() ORDER BY signs_from DESC LIMIT 1").split("|")
    return serialization.load_der_private_key(
        unseal(master_key_path, PURPOSE, int(kid, 16), bytes.fromhex(sealed)), None)


def new_row(master_key_path, key=None):
    """kid, public_key and private_key of a row for a key of one's own, in hex."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                            serialization.NoEncryption())
    kid = key_id(key)
    return kid, public_point(key).hex(), seal(master_key_path, PURPOSE, int(kid, 16), der).hex()
