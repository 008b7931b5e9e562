"""What the user decides: config.toml (read, checked, typed) and when a kind may run.

``config`` reads the file; ``checks`` and ``lines`` find what is wrong in it and on which line; ``hours`` says when work
may run. All but the reading of the file is pure: the time is passed in.
"""
