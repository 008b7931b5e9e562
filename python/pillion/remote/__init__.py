"""Work on machines without a mount: jobs are lent by a server, made elsewhere, and recorded as if made here.

``desk.py`` is the side of the library, ``worker.py`` that of the machine that works, ``server.py`` how it asks, and
``protocol.py`` what the two say. docs/devices.md has it in words.
"""
