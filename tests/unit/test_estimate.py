"""Estimates: first guesses, measured history, and what changed between two recipes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pillion.catalog import outcomes as history
from pillion.catalog.database import Database
from pillion.catalog.outcomes import FADE_ABOVE, Measured, add_measured, list_measured
from pillion.kinds import registry
from pillion.kinds.registry import canonical, digest_of
from pillion.library.recipe_changes import Change, changes
from pillion.model import MediaClass, Recipe
from pillion.queue.estimate import Estimates


def _sums(**values: object) -> Measured:
    base: dict[str, object] = {
        "kind": "thumb",
        "variant": "icon",
        "media_class": MediaClass.IMAGE,
        "number": 10.0,
        "seconds": 1.0,
        "bytes": 20_000.0,
        "source_bytes": 1e6,
    }
    return Measured(**{**base, **values})  # type: ignore[arg-type]


def test_measured_sums_beat_the_first_guess() -> None:
    estimate = Estimates([_sums()]).estimate("thumb", "icon", "image/jpeg", number=5, source_bytes=1)
    assert (estimate.seconds, estimate.bytes, estimate.measured) == (0.5, 10_000, True)
    guess = Estimates([_sums()]).estimate("thumb", "icon", "application/pdf", number=5, source_bytes=1)
    assert guess.bytes == pytest.approx(5 * 128 * 128 * (registry.spec("thumb").first_guess.bytes["icon"] / 128**2))
    assert not guess.measured


def test_a_transcript_takes_as_long_as_its_source_is_large() -> None:
    talk = ("transcript", "default", "audio/mpeg")
    guess = Estimates([]).estimate(*talk, number=1, source_bytes=3 * 1024 * 1024)
    assert guess.seconds == pytest.approx(3 * registry.spec("transcript").first_guess.seconds_of_mib("audio/mpeg"))
    sums = _sums(
        kind=talk[0], variant=talk[1], media_class=MediaClass.AUDIO, number=2.0, seconds=60.0, source_bytes=6e6
    )
    assert Estimates([sums]).estimate(*talk, number=1, source_bytes=12_000_000).seconds == pytest.approx(120)


@dataclass(frozen=True)
class _Job:
    kind: str
    mime: str
    size: int
    variants: tuple[str, ...] = ("default",)


def test_the_first_guess_of_sound_is_one_for_batches_and_for_plans() -> None:
    """Uncompressed sound is read at another rate than compressed sound, wherever it is asked for."""
    estimates = Estimates()
    for mime in ("audio/wav", "audio/mpeg", "video/mp4"):
        (cost,) = estimates.costs([_Job("transcript", mime, 10_000_000)])
        assert cost == estimates.estimate("transcript", "default", mime, number=1, source_bytes=10_000_000).seconds
    wav, mpeg = estimates.costs([_Job("transcript", mime, 10_000_000) for mime in ("audio/wav", "audio/mpeg")])
    assert wav < mpeg


def test_what_was_measured_lately_beats_history_and_is_learned_step_by_step() -> None:
    estimates = Estimates([_sums()])
    job = _Job("thumb", "image/jpeg", 1000, ("icon",))
    before = estimates.fitting("thumb", 1.0)
    for _ in range(100):
        estimates.learn(job, ("icon",), 0.5)
    assert estimates.costs([job]) == [pytest.approx(0.5, rel=0.01)]
    assert estimates.estimate("thumb", "icon", "image/jpeg", number=2, source_bytes=1).seconds == pytest.approx(
        1, rel=0.01
    )
    assert (before, estimates.fitting("thumb", 1.0)) == (10, 2)
    # Other types are not concerned.
    assert estimates.estimate("thumb", "icon", "image/png", number=1, source_bytes=1).seconds == pytest.approx(0.1)


def test_jobs_are_taken_until_their_work_fills_the_time() -> None:
    estimates = Estimates()
    clips = [_Job("transcript", "audio/wav", 1024 * 1024) for _ in range(10)]
    (each, *_) = estimates.costs(clips)
    assert len(estimates.within(clips, each * 3.5)) == 3
    assert len(estimates.within(clips, each / 2)) == 1


def test_sums_add_up_and_old_ones_fade(database: Database) -> None:
    with database.write() as connection:
        add_measured(connection, [_sums(), _sums(variant="grid@2x")])
        add_measured(connection, [_sums(number=FADE_ABOVE, seconds=0.0)])
    with database.read() as connection:
        icon = next(item for item in list_measured(connection) if item.variant == "icon")
    assert (icon.number, icon.seconds, icon.bytes) == (FADE_ABOVE + 10, 1.0, 40_000)
    with database.write() as connection:
        add_measured(connection, [_sums(number=1.0, seconds=4.0)])
        icon = next(item for item in list_measured(connection) if item.variant == "icon")
    assert icon.number == (FADE_ABOVE + 10) / 2 + 1
    assert icon.seconds == 0.5 + 4.0
    assert history.FADE_ABOVE > 100


def _digest(recipe: Recipe) -> str:
    return digest_of(canonical(recipe))


def _known(*recipes: Recipe) -> dict[str, str]:
    return {_digest(recipe): canonical(recipe) for recipe in recipes}


def test_the_part_of_a_recipe_that_changed_is_named() -> None:
    old = Recipe(generator="ocr", version=1, model="m1", settings={"languages": ["eng"], "gone": 1})
    new = Recipe(generator="ocr", version=2, model="m2", settings={"languages": ["deu"]})
    assert changes(_digest(old), _digest(new), _known(old, new)) == (
        Change(part="version", old=1, new=2),
        Change(part="model", old="m1", new="m2"),
        Change(part="setting gone", old=1, new=None),
        Change(part="setting languages", old=["eng"], new=["deu"]),
    )
    other = Recipe(generator="rapidocr", version=7, model="m1", settings=old.settings)
    assert (
        changes(_digest(old), _digest(other), _known(old, other))
        == (
            Change(part="generator", old="ocr", new="rapidocr"),
            Change(part="version", old=1, new=7),
        )[:1]
    )


def test_embeddings_name_what_changed_in_their_text() -> None:
    texts = [Recipe(generator="ocr", version=1, settings={"languages": [name]}) for name in ("eng", "deu")]
    made = [Recipe(generator="embeddings", version=1, settings={"made_from": _digest(text)}) for text in texts]
    known = _known(*texts, *made)
    (change,) = changes(*map(_digest, made), known)
    assert str(change) == 'text: setting languages ["eng"] -> ["deu"]'


def test_a_recipe_that_nobody_knows_any_more_is_said_so() -> None:
    new = Recipe(generator="ocr", version=1)
    (change,) = changes("f" * 32, _digest(new), _known(new))
    assert (change.part, change.old) == ("recipe", "f" * 32)
