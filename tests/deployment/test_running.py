"""The image's check, the read-only root and the reverse proxies, tried on real processes."""

from __future__ import annotations

import datetime
import http.client
import json
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.deployment.conftest import Running, free_port
from tests.process_tree import wait_for
from tests.shared import ROOT

DEPLOY = ROOT / "deploy"
MIB = 1024 * 1024


def test_all_three_processes_start_where_only_state_cache_and_tmp_can_be_written(running: Running):
    log = running.place / "log"
    started = ("web INFO takes deliveries", "clock INFO", "worker INFO process")
    wait_for(lambda: all(word in log.read_text("utf-8") for word in started), 30, "the start of all three")
    assert "Read-only file system" not in log.read_text("utf-8")
    assert running.get("/healthz") == 200


def healthcheck() -> list[str]:
    text = (DEPLOY / "docker" / "Dockerfile").read_text("utf-8")
    found = re.search(r"^HEALTHCHECK .*\\\n +CMD (\[.+\])$", text, re.MULTILINE)
    assert found is not None
    words: list[str] = json.loads(found[1])
    assert words[0] == "python"
    return [sys.executable, *words[1:]]


def test_the_check_of_the_image_passes_beside_a_web_process_and_fails_beside_none(running: Running):
    beside = subprocess.run(healthcheck(), env={"PORT": str(running.port)}, capture_output=True, check=False)
    alone = subprocess.run(healthcheck(), env={"PORT": str(free_port())}, capture_output=True, check=False)
    assert (beside.returncode, beside.stderr) == (0, b"")
    assert alone.returncode != 0


# --- reverse proxies -----------------------------------------------------------------------------------------


def certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kilo-review.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = made.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256())
    (folder / "fullchain.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not on this machine: its configuration is not tried")
    return found


def nginx(folder: Path, upstream: int, port: int) -> list[str]:
    certificate(folder)
    site = (DEPLOY / "proxy" / "nginx.conf").read_text("utf-8")
    for before, after in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/kilo-review", str(folder)),
        ("127.0.0.1:8080", f"127.0.0.1:{upstream}"),
    ):
        assert before in site
        site = site.replace(before, after)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{site}}}\n",
        encoding="utf-8",
    )
    return [program("nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder)]


def caddy(folder: Path, upstream: int, port: int) -> list[str]:
    text = (DEPLOY / "proxy" / "Caddyfile").read_text("utf-8")
    for before, after in (
        ("kilo-review.example.com {", f"https://127.0.0.1:{port} {{\n\ttls internal"),
        ("127.0.0.1:8080", f"127.0.0.1:{upstream}"),
    ):
        assert before in text
        text = text.replace(before, after)
    (folder / "Caddyfile").write_text(
        "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n"
        f"\tdefault_sni 127.0.0.1\n\tstorage file_system {folder}/caddy\n}}\n{text}",
        encoding="utf-8",
    )
    return [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def ask(port: int, method: str, path: str, *, length: int = 0) -> int:
    """Return the status of one request over TLS; a body is only announced, so that a refusal comes at once."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    link = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        link.putrequest(method, path)
        link.putheader("Content-Length", str(length))
        link.endheaders(bytes(length) if length <= MIB else None)
        return link.getresponse().status
    except OSError:
        return 0
    finally:
        link.close()


@contextmanager
def proxied(command: list[str], port: int, folder: Path) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={"PATH": "/usr/bin:/bin", "HOME": str(folder)}
        )
    try:
        wait_for(lambda: ask(port, "GET", "/healthz") == 200 or process.poll() is not None, 20, "the proxy")
        assert process.poll() is None, (folder / "log").read_text("utf-8")
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("configure", [nginx, caddy], ids=["nginx", "caddy"])
def test_a_proxy_hands_on_deliveries_and_health_and_nothing_else(running: Running, tmp_path: Path, configure):
    port = free_port()
    with proxied(configure(tmp_path, running.port, port), port, tmp_path):
        assert ask(port, "GET", "/healthz") == 200
        assert ask(port, "GET", "/readyz") == 200
        assert ask(port, "GET", "/metrics") == 404
        assert ask(port, "GET", "/") == 404
        # Unsigned, so refused by the program itself: it was handed on.
        assert ask(port, "POST", "/webhooks/github", length=2000) in (400, 401, 403)
        assert ask(port, "POST", "/webhooks/github", length=MIB) in (400, 401, 403), "larger than nginx's own limit"


def test_nginx_refuses_what_is_larger_than_a_delivery_can_be(running: Running, tmp_path: Path):
    port = free_port()
    with proxied(nginx(tmp_path, running.port, port), port, tmp_path):
        assert ask(port, "POST", "/webhooks/github", length=25 * MIB + 1) == 413
        assert ask(port, "GET", "/webhooks/github") == 403
