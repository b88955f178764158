"""Dates of certificates, read from a real TLS server on this machine."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.errors import ConfigError, SourceError, SourceTimeout
from data.sources.certificates import Endpoint, certificate_ends

PATIENCE_S = 20.0


def write_certificate(folder: Path, ends: datetime) -> Path:
    """A certificate and its key in one file, self-signed and for no name that anybody asks for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "elsewhere.test")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(ends - timedelta(days=90))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@contextmanager
def tls_server(pem: Path, port: int = 0) -> Iterator[int]:
    """Shakes hands with whoever comes, on a free port of this machine unless one is named."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    stopping = threading.Event()
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(0.1)

        def serve() -> None:
            while not stopping.is_set():
                try:
                    plain, _ = listener.accept()
                except TimeoutError:
                    continue
                try:
                    plain.settimeout(PATIENCE_S)
                    context.wrap_socket(plain, server_side=True).close()
                except OSError:
                    plain.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stopping.set()
            thread.join(PATIENCE_S)


@pytest.mark.parametrize("left", [timedelta(days=9), timedelta(days=-3)])
def test_the_date_is_read_whether_or_not_the_certificate_is_to_be_trusted(tmp_path: Path, left: timedelta) -> None:
    ends = (datetime.now(UTC) + left).replace(microsecond=0)
    with tls_server(write_certificate(tmp_path, ends)) as port:
        assert certificate_ends(Endpoint("shop", "127.0.0.1", port), timeout_s=PATIENCE_S) == ends


def test_nobody_there_and_nobody_who_answers_are_errors_of_a_source() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(SourceTimeout, match=f"127.0.0.1:{port} within 0.2 s"):
            certificate_ends(Endpoint("shop", "127.0.0.1", port), timeout_s=0.2)
    with pytest.raises(SourceError, match=f"no certificate could be read from 127.0.0.1:{port}"):
        certificate_ends(Endpoint("shop", "127.0.0.1", port), timeout_s=PATIENCE_S)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("shop.test", Endpoint("shop.test", "shop.test", 443)),
        ("shop.test:8443", Endpoint("shop.test", "shop.test", 8443)),
        (" checkout=shop.test:8443 ", Endpoint("checkout", "shop.test", 8443)),
        ("[::1]:8443", Endpoint("::1", "::1", 8443)),
        ("db=[::1]", Endpoint("db", "::1", 443)),
    ],
)
def test_an_endpoint_is_written_as_people_write_it(text: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(text) == endpoint


@pytest.mark.parametrize("text", ["", ":443", "shop.test:https", "shop.test:0", "=shop.test"])
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="QAI_CERTIFICATES"):
        Endpoint.parse(text)
