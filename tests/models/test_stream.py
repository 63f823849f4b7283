from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reviewer.models.stream import EventDecoder


def decode(*chunks: bytes) -> list[tuple[str, str]]:
    decoder = EventDecoder()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [*events, *decoder.finish()]


def test_events_have_names_and_data_of_several_lines() -> None:
    assert decode(b"event: message_start\ndata: {\ndata: }\n\ndata: x\n\n") == [
        ("message_start", "{\n}"),
        ("", "x"),
    ]


def test_comments_and_unknown_fields_vanish() -> None:
    assert decode(b": OPENROUTER PROCESSING\n\nid: 7\nretry: 1\ndata: a\n\n") == [("", "a")]


def test_a_last_event_without_its_blank_line_is_kept() -> None:
    assert decode(b"data: [DONE]") == [("", "[DONE]")]


def test_every_line_end_of_the_standard_ends_a_line() -> None:
    assert decode(b"data: a\r\rdata: b\r\n\r\ndata: c\n\n") == [("", "a"), ("", "b"), ("", "c")]


def test_bytes_that_are_no_utf8_do_not_stop_the_stream() -> None:
    assert decode(b"data: \xff\xfe\n\ndata: b\n\n")[1] == ("", "b")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "delta", "ping"]),
            st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1),
        ),
        max_size=6,
    ),
    st.integers(1, 9),
    st.sampled_from(["\n", "\r\n"]),
)
def test_where_the_chunks_are_cut_makes_no_difference(events: list[tuple[str, str]], size: int, end: str) -> None:
    wire = "".join(
        (f"event: {name}{end}" if name else "") + f"data: {data}{end}{end}" for name, data in events
    ).encode()
    assert decode(*(wire[start : start + size] for start in range(0, len(wire), size))) == events
