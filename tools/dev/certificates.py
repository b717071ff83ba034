"""Keys of this checkout: a certificate for --tls and the master key."""

import base64
import os
import subprocess

from console import Problem
from paths import write_atomically

VALID_DAYS = 825
RENEW_SECONDS = 7 * 86400


def _openssl(*words):
    answer = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Problem("openssl could not make a key.", answer.stderr.strip())


def _is_fresh(certificate):
    return certificate.exists() and subprocess.run(
        ["openssl", "x509", "-in", str(certificate), "-noout", "-checkend", str(RENEW_SECONDS)],
        capture_output=True, check=False).returncode == 0


def ensure_certificate(folder):
    """A self-signed certificate for this machine's own names. Returns (certificate, key)."""
    certificate, key = folder / "tls-certificate.pem", folder / "tls-key.pem"
    if not (key.exists() and _is_fresh(certificate)):
        folder.mkdir(parents=True, exist_ok=True)
        previous = os.umask(0o077)
        try:
            _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                     "-nodes", "-keyout", str(key), "-out", str(certificate),
                     "-days", str(VALID_DAYS), "-subj", "/CN=localhost",
                     "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1")
        finally:
            os.umask(previous)
    return certificate, key


def ensure_foreign_key(folder):
    """An EC P-256 key that no server has."""
    key = folder / "tokens.pem"
    if not key.exists():
        folder.mkdir(parents=True, exist_ok=True)
        previous = os.umask(0o077)
        try:
            fresh = folder / "tokens.pem.new"
            _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-out", str(fresh))
            fresh.rename(key)
        finally:
            os.umask(previous)
    return key


def ensure_master_key(folder):
    """The key that seals secrets in the database."""
    path = folder / "master.key"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, base64.b64encode(os.urandom(32)).decode() + "\n", 0o600)
    return path
