"""Text that is stored is valid Unicode, whatever a reader made of its file."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pillion.kinds.stored import sidecar_json
from pillion.readers.documents.base import MAX_NOTES, Notes, collected
from pillion.readers.documents.result import DocumentPart
from pillion.unicode import well_formed

ANY = st.text(alphabet=st.characters(exclude_categories=()), max_size=40)
"""With surrogates, which st.text leaves out otherwise."""


@given(ANY)
def test_any_string_becomes_valid(text: str) -> None:
    well_formed(text).encode()
    assert well_formed(well_formed(text)) == well_formed(text)


def test_pairs_become_characters_and_halves_a_replacement() -> None:
    assert well_formed("a\ud83d\ude00b") == "a😀b"
    assert well_formed("a\ude00\ud83d") == "a\ufffd\ufffd"
    assert well_formed("Grüße 😀") == "Grüße 😀"


@given(ANY, ANY)
def test_what_is_collected_and_stored_is_valid(text: str, name: str) -> None:
    notes = Notes()
    notes.add(text)
    result = collected("test", [DocumentPart(text=text, name=name)], notes)
    json.dumps(result.document(), ensure_ascii=False).encode()
    assert json.loads(sidecar_json({"text": text, "list": [name]}).encode())


def test_only_the_first_of_many_notes_are_kept() -> None:
    notes = Notes()
    for number in range(MAX_NOTES + 5):
        notes.add(f"note {number}")
        notes.add("note 0")
    assert len(notes.texts()) == MAX_NOTES + 1
    assert notes.texts()[-1] == "5 more notes are left out"
