"""What the user decides: config.toml (read, checked, typed), what a device generates, and when a kind may run.

``config`` reads the file; ``checks`` and ``lines`` find what is wrong in it and where. ``policy`` says what is made for
a file, ``hours`` and ``rests`` when. All but the reading of the file is pure: the time is passed in.
"""
