from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.egress import EgressRefused, refused_ip, resolve

METADATA = "169.254.169.254"


def dressed(address: str) -> tuple[str, ...]:
    """Return the IPv6 addresses that carry an IPv4 address."""
    number = int(ipaddress.IPv4Address(address))
    high, low = number >> 16, number & 0xFFFF
    plain = f"{high:x}:{low:x}"
    teredo = f"2001:0:4136:e378:8000:63bf:{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}"
    return (
        f"::{plain}",
        f"::ffff:{plain}",
        f"::ffff:0:{plain}",
        f"64:ff9b::{plain}",
        f"64:ff9b:1::{plain}",
        f"2002:{plain}::1",
        f"2001:db8::5efe:{plain}",
        f"2001:db8::200:5efe:{plain}",
        teredo,
    )


@pytest.mark.parametrize("address", [METADATA, "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16"])
def test_a_metadata_service_is_refused_in_every_dress_of_ipv6(address: str) -> None:
    for form in (address, *dressed(address)):
        assert refused_ip(form, offline=False), form


@pytest.mark.parametrize(
    "address",
    [
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "224.0.0.1",
        "ff02::1",
        "0.0.0.0",
        "::",
        "::ffff:0.0.0.0",
        "64:ff9b::",
    ],
)
def test_what_no_server_has_is_refused(address: str) -> None:
    assert refused_ip(address, offline=False)


@pytest.mark.parametrize(
    "address", ["140.82.121.4", "10.0.0.7", "127.0.0.1", "::1", "2606:50c0:8000::64", "fd00::7"]
)
def test_an_address_of_a_server_is_taken(address: str) -> None:
    assert refused_ip(address, offline=False) == ""


@given(st.integers(0, 2**128 - 1))
def test_every_address_gets_an_answer_and_offline_is_never_wider(number: int) -> None:
    address = str(ipaddress.IPv6Address(number))
    if refused_ip(address, offline=False):
        assert refused_ip(address, offline=True)
    if not refused_ip(address, offline=True):
        assert ipaddress.ip_address(address).is_loopback or ipaddress.IPv6Address(number).ipv4_mapped


def test_every_address_of_a_name_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in ("140.82.121.4", METADATA)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
    with pytest.raises(EgressRefused, match=r"api\.example resolves to an address that is link-local"):
        resolve("api.example", 443)


@pytest.mark.parametrize("name", ["metadata.google.internal", "METADATA.google.internal.", "instance-data"])
def test_the_name_of_a_metadata_service_is_not_even_asked_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("asked"))
    with pytest.raises(EgressRefused):
        resolve(name, 80)


@pytest.mark.parametrize("spelling", ["0xa9fea9fe", "2852039166", "169.254.43518", "0251.0376.0251.0376"])
def test_another_spelling_of_the_number_is_the_same_address(spelling: str) -> None:
    with pytest.raises(EgressRefused):
        resolve(spelling, 80)
