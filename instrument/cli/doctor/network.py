"""The way to the server, one step at a time: its name, a connection, its certificate."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ... import _clock
from ...options import Options, ca_certificates, proxy_for
from .case import Case
from .finding import Finding, ok, problem, warning

__all__ = ["look_at_network"]

STEP_SECONDS: Final = 3.0
MOST_ADDRESSES: Final = 4
EXPIRES_SOON: Final = 14 * 86400
PORTS: Final = {"http": 80, "https": 443}
LOOKUP: Final = """
import json, socket, sys
try:
    found = socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), type=socket.SOCK_STREAM)
    print(json.dumps({"addresses": list(dict.fromkeys(one[4][0] for one in found))}))
except OSError as error:
    print(json.dumps({"error": error.strerror or str(error)}))
except UnicodeError:
    print(json.dumps({"error": "it cannot be a name"}))
"""
"""Looks up a name in a process of its own: a look-up cannot be broken off from within."""


def look_at_network(case: Case) -> Iterator[Finding]:
    """All of that for each destination that is reached by a network."""
    for way in case.ways:
        if way.url is not None:
            yield from _way_to(way.url, case.options)


def _way_to(url: str, options: Options) -> Iterator[Finding]:
    server = urlsplit(url)
    proxy = proxy_for(url, options)
    target = server
    if proxy:
        target = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        yield ok("proxy", f"{_place(target)} stands between us and {_place(server)}")
    host, port = target.hostname or "", _port(target)
    addresses, failure = _addresses(host, port)
    if not addresses:
        what = "the proxy" if proxy else "the DSN or endpoint"
        yield problem("dns", f"{host} has no address here: {failure}", f"Check the host in {what}, and the resolver")
        return
    if addresses != [host]:
        yield ok("dns", f"{host} is {', '.join(addresses[:MOST_ADDRESSES])}")
    connection, failures = _connect(addresses, port)
    if connection is None:
        yield problem("connection", f"{_place(target)} takes no connection: {failures[-1]}", _about_connection(proxy))
        return
    with connection:
        slow = [failure for failure in failures if "timed out" in failure]
        if slow:
            text = f"{_place(target)} takes connections, but not at every address: {'; '.join(slow)}"
            yield warning("connection", text, "A new connection waits for this first; mend the address or the route")
        else:
            yield ok("connection", f"{_place(target)} takes connections")
        if proxy and server.scheme == "https":
            yield ok("tls", "the certificate is seen only through the proxy: the span below tells")
        elif server.scheme == "https":
            yield _certificate(connection, host, options)


def _addresses(host: str, port: int) -> tuple[list[str], str]:
    """The addresses of a host; when there are none, why not."""
    if not sys.executable:
        return [host], ""
    command = [sys.executable, "-I", "-S", "-c", LOOKUP, host, str(port)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=STEP_SECONDS, check=True, text=True
        )
    except subprocess.TimeoutExpired:
        return [], f"nobody answered within {STEP_SECONDS:.0f} s"
    except (OSError, subprocess.CalledProcessError):
        return [host], ""  # then connecting has to tell
    told = json.loads(done.stdout)
    return told.get("addresses", []), told.get("error", "")


def _connect(addresses: list[str], port: int) -> tuple[socket.socket | None, list[str]]:
    """A connection to the first address that takes one, and why others did not."""
    failures: list[str] = []
    ends = _clock.seconds() + STEP_SECONDS
    for number, address in enumerate(addresses[:MOST_ADDRESSES]):
        share = (ends - _clock.seconds()) / (min(len(addresses), MOST_ADDRESSES) - number)
        try:
            return socket.create_connection((address, port), timeout=max(0.1, share)), failures
        except OSError as error:
            failures.append(f"{address} {'timed out' if isinstance(error, TimeoutError) else error.strerror}")
    return None, failures


def _certificate(connection: socket.socket, host: str, options: Options) -> Finding:
    connection.settimeout(STEP_SECONDS)
    trusted = ca_certificates(options) or _usual_certificates()
    try:
        is_folder = trusted is not None and os.path.isdir(trusted)
        context = ssl.create_default_context(
            cafile=None if is_folder else trusted, capath=trusted if is_folder else None
        )
    except OSError as error:
        return problem("tls", f"the file of trusted certificates cannot be read: {trusted}: {error.strerror}", TRUST)
    try:
        with context.wrap_socket(connection, server_hostname=host) as secured:
            found, protocol = secured.getpeercert(), secured.version()
    except ssl.SSLCertVerificationError as error:
        return problem("tls", f"the certificate is not accepted: {error.verify_message}", _about_certificate(error))
    except TimeoutError:
        return problem("tls", f"{host} begins no TLS within {STEP_SECONDS:.0f} s", "Is this the port for https?")
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
        return problem("tls", f"{host} does not speak TLS with us: {reason}", "Is this the port for https?")
    until = str((found or {}).get("notAfter", ""))
    if until and ssl.cert_time_to_seconds(until) - _clock.wall() / 1e9 < EXPIRES_SOON:
        return warning("tls", f"the certificate of {host} ends {until}", "Whoever runs the server has to renew it")
    return ok("tls", f"{protocol}, the certificate of {host} is good until {until}")


TRUST: Final = "Name one in INSTRUMENT_CA_CERTS or SSL_CERT_FILE"


def _about_certificate(error: ssl.SSLCertVerificationError) -> str:
    words = error.verify_message.lower()
    if "expired" in words or "not yet valid" in words:
        return "Whoever runs the server has to renew it, unless the clock of this machine is wrong"
    if "mismatch" in words:
        return "The DSN has to name the host that the certificate is for"
    return "If the server's certificates are your own, name their file in INSTRUMENT_CA_CERTS"


def _about_connection(proxy: str | None) -> str:
    if proxy:
        return "Check the proxy in HTTPS_PROXY, HTTP_PROXY or the options, or name the server in NO_PROXY"
    return "Is the server running, and the port right? Is there a firewall, or a proxy to be named in HTTPS_PROXY?"


def _usual_certificates() -> str | None:
    """What requests trusts."""
    try:
        import certifi
    except ImportError:
        return None
    return certifi.where()


def _port(address: SplitResult) -> int:
    return address.port or PORTS.get(address.scheme, 80)


def _place(address: SplitResult) -> str:
    host = address.hostname or ""
    return f"{f'[{host}]' if ':' in host else host}:{_port(address)}"
