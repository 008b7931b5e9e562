"""Frames between a pool and its children: whole again however they are cut, and typed refusals of all else."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillion.kinds.execute import Execution, ExecutionTask, Staged
from pillion.model import Empty, Failure, SidecarFormat, SidecarMark
from pillion.pool.child import MAX_RESULT_BYTES, Channel, Codec, Inbox, Link, Sign, WireError, frame

CODEC = Codec("pillion.kinds.execute:execute")

TASK = ExecutionTask(
    kind="transcript",
    variants=("default", "other"),
    mime="audio/wav",
    sources=((b"/photos/\xff.jpg", 12, -5), (b"/b", 1 << 62, 0)),
    settings={"languages": ["deu", "eng"], "share": 0.5, "deep": {"a": [1, None, True]}},
    texts={"ocr": Path(os.fsdecode(b"/library/\xfe/ocr.json"))},
    staging=b"/library/\xff/staging/a.1",
    share=0.25,
    checkpoint=Path("/library/staging/checkpoints/a.json"),
)

RESULTS = (
    Execution.of((), 0.0),
    Execution.of(Empty(note="no text"), 1.5),
    Execution.of(Failure(error_class="corrupt", message="torn", stderr_tail="x"), 0.25),
    Execution.of(
        (
            Staged(
                variant="default",
                format=SidecarFormat.WEBP,
                size=3,
                checksum="0" * 64,
                mark=SidecarMark.TRUNCATED,
                thumbhash=b"123",
                likeness=bytes(range(32)),
            ),
        ),
        2.0,
    ),
)


@given(st.lists(st.tuples(st.sampled_from(Sign), st.binary(max_size=200)), max_size=8), st.data())
def test_frames_are_the_same_however_they_are_cut(frames: list[tuple[Sign, bytes]], data: st.DataObject) -> None:
    stream = b"".join(frame(sign, content) for sign, content in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    inbox = Inbox(1000)
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [one for piece in pieces for one in inbox.feed(piece)] == frames


@given(st.binary(max_size=300))
def test_any_bytes_are_frames_or_refused(data: bytes) -> None:
    try:
        frames = list(Inbox(200).feed(data))
    except WireError:
        return
    for sign, content in frames:
        assert sign in Sign
        assert len(content) < 200


@given(st.binary(max_size=300))
def test_any_bytes_are_a_result_or_refused(data: bytes) -> None:
    try:
        result = CODEC.result(data)
    except WireError:
        return
    assert isinstance(result, Execution)


@pytest.mark.parametrize("length", [0, MAX_RESULT_BYTES + 1, 0xFFFFFFFF])
def test_a_length_that_no_message_has_is_refused_before_anything_is_kept(length: int) -> None:
    with pytest.raises(WireError, match=f"{length} bytes"):
        list(Inbox(MAX_RESULT_BYTES).feed(length.to_bytes(4, "little")))


def test_a_task_arrives_as_it_was_sent() -> None:
    ours, theirs = socket.socketpair()
    link, channel = Link(ours), Channel(theirs.detach())
    link.send(CODEC.batch([TASK, TASK], prepares=True))
    received = channel.receive()
    assert received is not None
    sign, data = received
    assert sign is Sign.PREPARED_BATCH
    assert CODEC.items(data) == [TASK, TASK]
    link.close()
    assert channel.receive() is None
    channel.close()


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_arrives_as_it_was_sent(result: Execution) -> None:
    ((sign, data),) = Inbox(MAX_RESULT_BYTES).feed(CODEC.result_frame(result, last=True))
    assert sign is Sign.LAST_RESULT
    assert CODEC.result(data) == result


@pytest.mark.parametrize(
    "changes",
    [
        {"checksum": "../" * 21 + "x"},
        {"checksum": "A" * 64},
        {"thumbhash": b"x" * 26},
        {"likeness": b"x" * 31},
        {"format": "exe"},
    ],
)
def test_a_made_sidecar_has_the_shape_that_it_must_have(changes: dict[str, object]) -> None:
    staged = {"variant": "default", "format": "webp", "size": 3, "checksum": "0" * 64, **changes}
    data = CODEC._encoder.encode({"staged": [staged], "seconds": 1.0})
    with pytest.raises(WireError):
        CODEC.result(data)


def test_a_parent_does_not_wait_for_a_child_that_does_not_read() -> None:
    ours, theirs = socket.socketpair()
    link = Link(ours)
    big = frame(Sign.BATCH, b"x" * (8 << 20))
    link.send(big)
    assert link.has_more
    received = bytearray()
    while len(received) < len(big):
        received += theirs.recv(1 << 20)
        link.flush()
    assert bytes(received) == big
    assert not link.has_more
    theirs.close()
    link.close()
