"""A GitHub Enterprise Server whose certificate an authority of its own signed, over a real TLS connection."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.shared import ROOT


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"login": "mira"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "our own authority")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    bundle, secret = tmp_path / "authority.pem", tmp_path / "key.pem"
    bundle.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, secret)
    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield listening.server_port, bundle
    listening.shutdown()
    listening.server_close()


API = """
import datetime, sys
from reviewer.github.api import Api
api = Api(sys.argv[1], lambda _fresh: "t" * 20, now=lambda: datetime.datetime.now(datetime.UTC))
print(api.get("/user", doing="read a user"))
"""
MODEL = """
import sys
from reviewer.models.client import GuardedTransport
import httpx
client = httpx.Client(transport=GuardedTransport(offline=False, proxy="", tls=True))
print(client.get(sys.argv[1] + "/models").json())
"""


@pytest.mark.parametrize(
    ("code", "variable"), [(API, "REQUESTS_CA_BUNDLE"), (MODEL, "SSL_CERT_FILE")], ids=["github", "model"]
)
def test_an_authority_of_ones_own_is_trusted_where_its_variable_names_it(
    server: tuple[int, Path], code: str, variable: str
):
    port, bundle = server
    command = [sys.executable, "-W", "ignore", "-c", code, f"https://127.0.0.1:{port}/api/v3"]
    environ = {"PATH": "/usr/bin:/bin"}
    trusted, alone = (
        subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
        for env in ({**environ, variable: str(bundle)}, environ)
    )
    assert trusted.returncode == 0, trusted.stderr
    assert "mira" in trusted.stdout
    assert alone.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in alone.stderr or "SSLCertVerificationError" in alone.stderr
