"""The sprig functions that make and check X.509 certificates.

A certificate begins at the evaluation's time; its serial number and keys come from the seed.
Differs: bounds that Go lets pass are kept (a common name of more than 64 characters, an end before
the beginning), and what is wrong inside a key or certificate is not told in Go's words. Source:
sprig 3.3.0, black-box measurement; language.md 12.8.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tiphys.expr.functions import text
from tiphys.expr.functions_text import decode_base64
from tiphys.expr.gotext import from_bytes
from tiphys.expr.render import go_print
from tiphys.expr.running import Fault, Running
from tiphys.expr.sprig_base import Table
from tiphys.expr.sprig_keys import key_of_pem, pem_block, pem_of_key, rsa_key
from tiphys.expr.values import Struct, Value

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

    from tiphys.expr.sprig_keys import PrivateKey

_BITS: Final = 2048
_DAY_NS: Final = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a certificate is to say: whom it names, for how long, and what it may sign."""

    name: str
    days: int
    authority: bool
    hosts: list[x509.GeneralName]


def _gen_ca(running: Running, arguments: list[Value]) -> Value:
    name, days, *pem = arguments
    wanted = _Wanted(text(name), _int(days), True, [])
    key = _key(running, pem)
    return _made(running, wanted, key, None)


def _gen_self_signed(running: Running, arguments: list[Value]) -> Value:
    name, ips, hosts, days, *pem = arguments
    key = _key(running, pem)
    return _made(running, _server(name, ips, hosts, days), key, None)


def _gen_signed(running: Running, arguments: list[Value]) -> Value:
    name, ips, hosts, days, authority, *pem = arguments
    key = _key(running, pem)
    parent = _parent(authority)
    return _made(running, _server(name, ips, hosts, days), key, parent)


def _build_custom(_: Running, arguments: list[Value]) -> Value:
    certificate = from_bytes(_decoded(text(arguments[0]), "certificate"))
    key = from_bytes(_decoded(text(arguments[1]), "private key"))
    _read(certificate)
    try:
        key_of_pem(key)
    except Fault as fault:
        raise Fault(f"error parsing private key: {fault.message}") from None
    return _result(certificate, key)


def _decoded(value: str, what: str) -> bytes:
    try:
        return decode_base64(value)
    except Fault:
        raise Fault(f"unable to decode base64 {what}") from None


def _result(certificate: str, key: str) -> Struct:
    return Struct("sprig.certificate", {"Cert": certificate, "Key": key})


def _int(value: Value) -> int:
    return value if isinstance(value, int) else 0


def _server(name: Value, ips: Value, hosts: Value, days: Value) -> _Wanted:
    addresses = [*_addresses(ips)]
    return _Wanted(text(name), _int(days), False, [*_dns_names(hosts), *addresses])


def _addresses(values: Value) -> Iterator[x509.GeneralName]:
    from cryptography import x509

    for value in values if isinstance(values, list) else []:
        if not isinstance(value, str):
            raise Fault(f"error parsing ip: {go_print(value)} is not a string")
        try:
            if "%" in value:
                raise ValueError("an address of a certificate has no zone")
            yield x509.IPAddress(ipaddress.ip_address(value))
        except ValueError:
            raise Fault(f"error parsing ip: {value}") from None


def _dns_names(values: Value) -> Iterator[x509.GeneralName]:
    from cryptography import x509

    for value in values if isinstance(values, list) else []:
        if not isinstance(value, str):
            raise Fault(f"error processing alternate dns name: {go_print(value)} is not a string")
        if not value.isascii():
            quoted = f'x509: "{value}" cannot be encoded as an IA5String'
            raise Fault(f"error creating certificate: {quoted}")
        yield x509.DNSName(value)


def _key(running: Running, pem: list[Value]) -> PrivateKey:
    if not pem:
        return rsa_key(running, _BITS)
    try:
        return key_of_pem(text(pem[0]))
    except Fault as fault:
        raise Fault(f"parsing private key: {fault.message}") from None


def _parent(value: Value) -> tuple[x509.Certificate, PrivateKey]:
    """Return the certificate and key of an authority; raises Fault."""
    members = value.members if isinstance(value, Struct) else {"Cert": "", "Key": ""}
    certificate = _read(text(members["Cert"]))
    key = key_of_pem(text(members["Key"]))
    public = _signer(key).public_key()
    if public != certificate.public_key():
        wrong = "x509: provided PrivateKey doesn't match parent's PublicKey"
        raise Fault(f"error creating certificate: {wrong}")
    return certificate, key


def _read(pem: str) -> x509.Certificate:
    from cryptography import x509

    label, data = pem_block(pem)
    if not label:
        raise Fault("unable to decode certificate")
    try:
        return x509.load_der_x509_certificate(data)
    except ValueError:
        wrong = "decodedCert.Bytes: x509: malformed certificate"
        raise Fault(f"error parsing certificate: {wrong}") from None


def _signer(key: PrivateKey) -> CertificateIssuerPrivateKeyTypes:
    from cryptography.hazmat.primitives.asymmetric.dsa import DSAPrivateKey

    if isinstance(key, DSAPrivateKey):
        wrong = "x509: certificate private key does not implement crypto.Signer"
        raise Fault(f"error creating certificate: {wrong}")
    return key


def _made(
    running: Running,
    wanted: _Wanted,
    key: PrivateKey,
    parent: tuple[x509.Certificate, PrivateKey] | None,
) -> Struct:
    from cryptography.hazmat.primitives.serialization import Encoding

    signer = _signer(parent[1] if parent else key)
    try:
        builder = _builder(running, wanted, _signer(key), parent[0] if parent else None)
        certificate = builder.sign(signer, _hash(signer), ecdsa_deterministic=_is_curve(signer))
    except (ValueError, OverflowError) as exc:
        raise Fault(f"error creating certificate: {exc}") from exc
    return _result(certificate.public_bytes(Encoding.PEM).decode(), pem_of_key(key))


def _is_curve(key: CertificateIssuerPrivateKeyTypes) -> bool | None:
    """Return whether a signature is to take its secret number from what it signs."""
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    return True if isinstance(key, EllipticCurvePrivateKey) else None


def _hash(key: CertificateIssuerPrivateKeyTypes) -> hashes.SHA256 | hashes.SHA512 | None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if isinstance(key, Ed25519PrivateKey):
        return None
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.key_size > 256:
        return hashes.SHA512()
    return hashes.SHA256()


def _builder(
    running: Running,
    wanted: _Wanted,
    key: CertificateIssuerPrivateKeyTypes,
    parent: x509.Certificate | None,
) -> x509.CertificateBuilder:
    from cryptography import x509

    begin = running.context.now
    subject = _name(wanted.name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(parent.subject if parent else subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(running.draw(16), "big") or 1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(microseconds=_wrapped(wanted.days * _DAY_NS) // 1000))
    )
    for extension, critical in _extensions(wanted, key, parent):
        builder = builder.add_extension(extension, critical)
    return builder


def _wrapped(nanoseconds: int) -> int:
    """Return a length of time as a Go Duration holds it: 64 bits, beyond which it wraps."""
    return (nanoseconds + 2**63) % 2**64 - 2**63


def _name(common: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])


def _extensions(
    wanted: _Wanted, key: CertificateIssuerPrivateKeyTypes, parent: x509.Certificate | None
) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """Yield the extensions in Go's order, each with whether it is critical."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID as Usage

    yield _usage(wanted.authority), True
    yield x509.ExtendedKeyUsage([Usage.SERVER_AUTH, Usage.CLIENT_AUTH]), False
    yield x509.BasicConstraints(ca=wanted.authority, path_length=None), True
    if wanted.authority:
        yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    own = _identifier(parent)
    if own is not None:
        yield x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), False
    if wanted.hosts:
        yield x509.SubjectAlternativeName(wanted.hosts), False


def _identifier(parent: x509.Certificate | None) -> x509.SubjectKeyIdentifier | None:
    from cryptography import x509

    if parent is None:
        return None
    try:
        return parent.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return None


def _usage(authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


CERTIFICATES: Final[Table] = {
    "buildCustomCert": ("ss", _build_custom),
    "genCA": ("si", _gen_ca),
    "genCAWithKey": ("sis", _gen_ca),
    "genSelfSignedCert": ("slli", _gen_self_signed),
    "genSelfSignedCertWithKey": ("sllis", _gen_self_signed),
    "genSignedCert": ("sllic", _gen_signed),
    "genSignedCertWithKey": ("sllics", _gen_signed),
}
