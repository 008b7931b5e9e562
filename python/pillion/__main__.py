"""``python -m pillion`` is the ``pillion`` command."""

from pillion.cli import main

main()
