"""The queue of one library at work: from a claimed job to a recorded result.

``work`` puts it together. ``schedule`` makes a task of a job, ``execute`` does it in the child process, ``record``
keeps what came of it, and ``journal`` notes how long it took and tells of it. ``holds`` and ``resting`` say what waits
and why, ``outlook`` and ``estimate`` how long the rest takes. ``telling`` passes events on, ``checkpoints`` tidies up.
"""
