"""Keeping a library up while files come, change and go: :class:`Watching`, and the service that runs it.

``watching`` is the thread, ``settling`` decides when a file is taken (pure), ``places`` what is watched and what is
polled, ``mounts`` reads the table of mounted file systems, ``limits`` knows inotify's limits.
"""

from pillion.watch.watching import Watching

__all__ = ["Watching"]
