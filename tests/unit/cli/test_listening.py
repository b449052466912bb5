"""What a server listens with is looked at before anything of it starts."""

from __future__ import annotations

import socket

import pytest

from tiphys.cli.listening import bound, check_certificate
from tiphys.errors import UserError

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def test_a_port_is_chosen_and_free_again_afterwards():
    with bound("127.0.0.1", 0) as sockets:
        (made,) = sockets
        port = made.getsockname()[1]
        made.listen()
        socket.create_connection(("127.0.0.1", port)).close()
    with bound("127.0.0.1", port):
        pass


def test_a_port_in_use_is_said_to_be():
    with bound("127.0.0.1", 0) as (taken,):
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(UserError, match=rf"^127.0.0.1:{port} is in use.*--port"),
            bound("127.0.0.1", port),
        ):
            pass


@pytest.mark.parametrize("host", ["203.0.113.7", "no such host"])
def test_an_address_of_another_machine_is_refused(host):
    with (
        pytest.raises(UserError, match=f"^--host {host}: this machine has no such address"),
        bound(host, 0),
    ):
        pass


@pytest.mark.parametrize(
    ("certificate", "key", "said"),
    [
        (None, PEM, "--tls-certificate {c}: No such file or directory"),
        (PEM, None, "--tls-key {k}: No such file or directory"),
        ("kind: Workflow", PEM, "--tls-certificate {c}: not in PEM format"),
        (PEM, PEM, "--tls-certificate {c} and --tls-key {k} do not serve: "),
    ],
)
def test_a_certificate_that_cannot_serve_is_named(tmp_path, certificate, key, said):
    paths = {"c": tmp_path / "tls.crt", "k": tmp_path / "tls.key"}
    for path, text in zip(paths.values(), (certificate, key), strict=True):
        if text is not None:
            path.write_text(text)
    with pytest.raises(UserError) as caught:
        check_certificate(str(paths["c"]), str(paths["k"]))
    assert str(caught.value).startswith(said.format(**paths))
