"""Search: a derived index of the words and the meaning of sidecars, and of names. See docs/search.md.

``query`` parses what was typed, ``passages`` cuts sidecars into what is indexed, ``index`` holds the files of it,
``update`` brings it up to date, ``keeping`` does so while jobs are done, ``ranking`` and ``find`` answer, ``likeness``
compares pictures, ``checking`` is for maintenance.
"""
