"""A certificate for a server that has none: made once for each home, signed by itself.

It names this machine and loopback. Who connects for the first time must trust it, or be given it.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS: Final = 365
_RENEW_DAYS: Final = 30


def self_signed(folder: Path, now: float) -> tuple[Path, Path]:
    """Return the files of the certificate and of its key; made if missing or soon to expire."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    certificate, key = folder / "tls.crt", folder / "tls.key"
    at = datetime.datetime.fromtimestamp(now, datetime.UTC)
    if not (key.exists() and _is_good(certificate, at)):
        _make(certificate, key, at)
    return certificate, key


def _is_good(path: Path, at: datetime.datetime) -> bool:
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return False
    return found.not_valid_after_utc > at + datetime.timedelta(days=_RENEW_DAYS)


def _make(certificate: Path, key_file: Path, at: datetime.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    host = socket.gethostname()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64] or "tiphys")])
    loopback = [ipaddress.ip_address(text) for text in ("127.0.0.1", "::1")]
    names = [
        *(x509.DNSName(text) for text in dict.fromkeys(("localhost", host)) if text.isascii()),
        *(x509.IPAddress(address) for address in loopback),
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - datetime.timedelta(hours=1))
        .not_valid_after(at + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_private(key_file, secret)
    write_private(certificate, made.public_bytes(serialization.Encoding.PEM))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only this user can read, whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.replace(path)
