"""``proxy``: a film, or sound, as a smaller file that every browser plays."""
