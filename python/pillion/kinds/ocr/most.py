"""The language of most of a page, whatever it opens with: a note in another one, a listing, names in Latin letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pillion.kinds.ocr.segments import Segment, score
from pillion.kinds.ocr.tesseract import RecognisedText

DOUBTFUL = 95.0
"""Mean confidence below which a segment may be in another language: French read as English has 90 to 94."""


def in_language_of_most(
    done: list[RecognisedText],
    languages: tuple[str, ...],
    to_try: Callable[[RecognisedText], tuple[tuple[str, ...], ...]],
    read: Callable[[Sequence[Segment], tuple[str, ...]], Iterable[RecognisedText]],
    segments: Sequence[Segment],
) -> tuple[tuple[str, ...], list[RecognisedText]]:
    """The languages of a page, and the texts of its segments, each in those in which it makes most sense.

    ``done``: the texts in ``languages``. ``to_try``: other languages in which a text may be. ``read``: gives the texts
    of some of the ``segments`` in others. Asked is what is in doubt if that is most of the page: all of it,
    then the segment that makes least sense. Another language is that of the page if most of that is surer in it.
    """
    counts = [len(text.text) for text in done]
    doubtful = [number for number, text in enumerate(done) if text.confidence < DOUBTFUL]
    in_doubt = sum(counts[number] for number in doubtful)
    if 2 * in_doubt <= sum(counts):
        return languages, done
    least = max(doubtful, key=lambda number: counts[number] * (DOUBTFUL - done[number].confidence))
    every = RecognisedText(tuple(line for number in doubtful for line in done[number].lines))
    others = to_try(every) or to_try(done[least])
    if len(others) > 1:
        texts = [text for other in others for text in read([segments[least]], other)]
        others = (others[max(range(len(others)), key=lambda number: score(texts[number]))],)
    for other in others:
        again = dict(zip(doubtful, read([segments[number] for number in doubtful], other), strict=True))
        better = [number for number in doubtful if score(again[number]) > score(done[number])]
        if 2 * sum(counts[number] for number in better) > in_doubt:
            return other, [again[number] if number in better else text for number, text in enumerate(done)]
    return languages, done
