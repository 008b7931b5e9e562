"""``transcript``: what is said in sound and film."""
