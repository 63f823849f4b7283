"""TLS: a provider's certificate is checked, and the checked address keeps its name for it."""

from __future__ import annotations

import datetime
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reviewer.models import client as module
from reviewer.models.client import close_clients
from tests.models.asking import HASTY, LIMITS, ask, asker_of, candidate_of
from tests.simulators.behaviour import Hang, Say
from tests.simulators.provider import ProviderSimulator

GOOD = Say('{"findings": [], "uncertain": false}')


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for localhost, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file


def serve_tls(provider: ProviderSimulator, certificate: Path) -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = provider._server
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return f"https://localhost:{server.server_port}/v1"


@pytest.fixture(autouse=True)
def fresh_clients() -> None:
    close_clients()


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate: Path) -> None:
    provider = ProviderSimulator("openai", default=GOOD)
    url = serve_tls(provider, certificate)
    with provider:
        answer = ask(asker_of(candidate_of(provider, base_url=url), limits=HASTY))
    assert answer.completion is None
    assert "CERTIFICATE_VERIFY_FAILED" in str(answer.error)
    assert provider.requests == []


def test_a_trusted_one_is_taken_by_name_and_limits_hold_inside_tls(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    provider = ProviderSimulator("openai", script=[Hang(30, piece='{"fin'), GOOD])
    url = serve_tls(provider, certificate)
    with provider:
        limits = LIMITS.__class__(connect=5, write=5, first_token=5, between_tokens=0.5, total=20)
        answer = ask(asker_of(candidate_of(provider, base_url=url), limits=limits))
    assert answer.completion is not None, answer
    assert "silent for 0.5 s" in answer.calls[0].error
    close_clients()


def test_plain_http_does_without_a_trust_store() -> None:
    with ProviderSimulator("openai", default=GOOD) as provider:
        assert ask(asker_of(candidate_of(provider))).completion is not None
    assert set(module._clients) == {(False, False, "")}


LAST_WORDS = """
import atexit, gc, socket, sys

def left_open():
    found = [each for each in gc.get_objects() if isinstance(each, socket.socket) and each.fileno() >= 0]
    print(len(found), flush=True)

atexit.register(left_open)  # registered first, so it runs last
from reviewer.models.client import client_for

client_for(sys.argv[1], offline=False).get(sys.argv[1])
left_open()
"""


def test_a_process_that_ends_leaves_no_connection_open() -> None:
    with ProviderSimulator("openai", default=GOOD) as provider:
        done = subprocess.run(
            [sys.executable, "-c", LAST_WORDS, f"{provider.base_url}/models"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    assert done.stdout.split() == ["1", "0"]
