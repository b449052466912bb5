"""A server's own certificate."""

from __future__ import annotations

import ssl

from tiphys.auth.certificate import self_signed

NOW = 1_800_000_000.0
YEAR = 366 * 86_400


def test_a_certificate_is_made_once_and_is_private(tmp_path):
    certificate, key = self_signed(tmp_path / "server", NOW)
    assert (key.stat().st_mode & 0o777, certificate.stat().st_mode & 0o777) == (0o600, 0o600)
    assert (tmp_path / "server").stat().st_mode & 0o777 == 0o700
    before = certificate.read_bytes()
    assert self_signed(tmp_path / "server", NOW) == (certificate, key)
    assert certificate.read_bytes() == before
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)


def test_one_that_soon_expires_is_made_anew(tmp_path):
    certificate, _ = self_signed(tmp_path, NOW)
    before = certificate.read_bytes()
    self_signed(tmp_path, NOW + YEAR)
    assert certificate.read_bytes() != before


def test_two_homes_have_different_keys(tmp_path):
    one, other = (self_signed(tmp_path / name, NOW)[1].read_bytes() for name in "ab")
    assert one != other
