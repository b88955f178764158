"""When the certificate of a TLS server ends, read from the server itself."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from datetime import datetime

from data.errors import ConfigError, SourceError, SourceTimeout


@dataclass(frozen=True)
class Endpoint:
    """A TLS server. ``service``: whose it is, for whoever is told of it."""

    service: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """``HOST``, ``HOST:PORT`` or ``SERVICE=HOST:PORT``; an IPv6 address in brackets; the port is 443 if not said.

        Raises:
            ConfigError: if it is none of these.
        """
        service, named, place = text.strip().rpartition("=")
        host, _, port = place.rpartition(":") if not place.endswith("]") and ":" in place else (place, "", "443")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536 or (named and not service.strip()):
            raise ConfigError(f"QAI_CERTIFICATES: {text!r} is not HOST:PORT or SERVICE=HOST:PORT")
        return cls(service.strip() or host, host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def certificate_ends(endpoint: Endpoint, *, timeout_s: float) -> datetime:
    """When the certificate that the server shows is no longer valid.

    It is read, not trusted: one that is expired, self-signed or for another name has a date, too.

    Raises:
        SourceTimeout: no answer in time.
        SourceError: nobody listens there, or it does not speak TLS.
    """
    from cryptography import x509

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((endpoint.host, endpoint.port), timeout=timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=endpoint.host) as secured,
        ):
            shown = secured.getpeercert(binary_form=True)
    except TimeoutError as error:
        raise SourceTimeout(f"no answer from {endpoint} within {timeout_s:g} s") from error
    except OSError as error:  # ssl.SSLError is one, too
        raise SourceError(f"no certificate could be read from {endpoint}: {error}") from error
    if not shown:
        raise SourceError(f"{endpoint} showed no certificate")
    return x509.load_der_x509_certificate(shown).not_valid_after_utc
