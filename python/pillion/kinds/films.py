"""What the kinds that read film and sound may lack: PyAV, and codecs that its FFmpeg can be built without."""

from __future__ import annotations

from collections.abc import Sequence

from pillion import extras
from pillion.kinds.lacking import Check, Lacking, importable, is_quick, sentences


def lacking(use: str, *, encoders: Sequence[str] = ()) -> Lacking:
    """For films of any type. ``use``: the plural of what is made of them; ``encoders``: what that is encoded with."""
    return lacking_of(lambda: extras.missing("video", use), encoders=encoders)


def lacking_of(*checks: Check, encoders: Sequence[str] = ()) -> Lacking:
    """The same where these checks find whether the packages are installed. Codecs are looked for if nothing lacks."""
    needed = sentences(*checks, importable("av", "numpy"))
    if needed or is_quick():
        return Lacking(any_file=needed)
    # It needs what was looked for.
    from pillion.readers import media

    return Lacking(some=(*media.missing_decoders(), *media.missing_encoders(encoders)))
