"""A short run of each fuzz target: seeds with pieces cut, doubled and swapped, and text without any shape."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import SEEDS, TARGETS


def mutated(seed: bytes, dice: random.Random) -> bytes:
    data = bytearray(seed)
    for _ in range(dice.randint(1, 6)):
        start = dice.randrange(len(data) + 1)
        piece = data[start : start + dice.randint(0, 12)]
        match dice.randrange(4):
            case 0:
                del data[start : start + dice.randint(0, 8)]
            case 1:
                data[start:start] = piece * dice.randint(1, 4)
            case 2:
                data[start:start] = bytes(dice.randrange(256) for _ in range(dice.randint(1, 4)))
            case _:
                data[start : start + 1] = dice.choice(
                    [b"\0", b"\n", b'"', b"\\", b"`", b"<", b"@", b"{", b"\xe2\x80\xae"]
                )
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_a_good_input_that_was_damaged_is_read_or_refused_in_words(name: str) -> None:
    dice = random.Random(name)
    for seed in SEEDS[name]:
        TARGETS[name](seed)
        for _ in range(60):
            TARGETS[name](mutated(seed, dice))


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=40, deadline=None)
@given(
    data=st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
)
def test_any_bytes_are_read_or_refused_in_words(name: str, data: bytes) -> None:
    TARGETS[name](data)
