"""The gates of speed: what they let pass, what they stop, and that each has limits that mean something."""

from __future__ import annotations

import datetime
import tomllib
from typing import Any

import pytest

from tools import gates
from tools.gates import Measured

LIMITS: dict[str, Any] = {"max_seconds": 0.5, "peer": "pyvips", "recorded": 0.6, "date": datetime.date(2026, 1, 2)}


def measured(*, seconds: float = 0.1, ratio: float = 0.6, input_seconds: float | None = None) -> Measured:
    return Measured(test="test_thumbnail", seconds=seconds, ratio=ratio, input_seconds=input_seconds)


def missed(limits: dict[str, Any], figures: Measured | None) -> list[str]:
    return [verdict.text for verdict in gates.judge("thumbnail", limits, figures) if not verdict.met]


def test_within_all_limits() -> None:
    assert missed(LIMITS, measured(seconds=0.49, ratio=1.19)) == []


def test_a_broken_promise_fails_though_the_peer_is_as_slow() -> None:
    assert missed(LIMITS, measured(seconds=0.6)) == ["0.600 s, promised under 0.5 s"]


def test_twice_the_recorded_ratio_fails_though_the_promise_is_kept() -> None:
    text = "1.200 x pyvips, allowed 1.200 (recorded 0.6 on 2026-01-02)"
    assert missed(LIMITS, measured(seconds=0.2, ratio=1.2)) == [text]


def test_speech_is_compared_with_its_length() -> None:
    limits = {"max_factor": 1.0, "peer": "faster-whisper", "recorded": 0.6, "date": datetime.date(2026, 1, 2)}
    assert missed(limits, measured(seconds=29, input_seconds=30)) == []
    assert missed(limits, measured(seconds=31, input_seconds=30)) == [
        "1.033 x the length of the sound, promised under 1.0"
    ]


def test_a_promised_ratio_fails_before_twice_the_recorded_one() -> None:
    limits = {"max_ratio": 5, "peer": "python -c pass", "recorded": 4.0, "date": datetime.date(2026, 1, 2)}
    assert missed(limits, measured(ratio=4.9)) == []
    assert missed(limits, measured(ratio=5.1)) == ["5.10 x python -c pass, promised under 5"]


def test_a_benchmark_that_broke_fails_its_gate() -> None:
    assert missed(LIMITS, None) == ["not measured: its benchmark failed"]


def test_what_is_measured_without_limits_fails() -> None:
    verdicts = gates.judge_all({"thumbnail": LIMITS}, {"thumbnail": measured(), "new": measured()})
    assert [(verdict.gate, verdict.met) for verdict in verdicts if not verdict.met] == [("new", False)]


def test_recording_changes_the_ratio_and_the_date_of_that_gate_alone() -> None:
    text = gates.THRESHOLDS.read_text(encoding="utf-8")
    before = tomllib.loads(text)
    after = tomllib.loads(gates.record(text, {"ocr": measured(ratio=0.12345)}, datetime.date(2031, 2, 3)))
    assert after["gate"]["ocr"] == {**before["gate"]["ocr"], "recorded": 0.123, "date": datetime.date(2031, 2, 3)}
    assert {name: table for name, table in after["gate"].items() if name != "ocr"} == {
        name: table for name, table in before["gate"].items() if name != "ocr"
    }
    assert after["bench"] == before["bench"]


def test_recording_what_has_no_table_is_an_error() -> None:
    with pytest.raises(SystemExit, match="no table for the gate 'new'"):
        gates.record(gates.THRESHOLDS.read_text(encoding="utf-8"), {"new": measured()}, datetime.date(2031, 2, 3))


def test_the_seeds_three_promises_are_gates() -> None:
    limits = tomllib.loads(gates.THRESHOLDS.read_text(encoding="utf-8"))["gate"]
    assert limits["thumbnail"]["max_seconds"] <= 0.5
    assert limits["ocr"]["max_seconds"] <= 2
    assert limits["transcript"]["max_factor"] <= 1
