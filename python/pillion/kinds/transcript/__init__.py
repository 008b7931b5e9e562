"""``transcript``: the speech in audio and video."""
