"""The job engine: states and retry decisions, the pool of child processes, and the loop that works the queue.

Nothing here knows what a picture or a sound is.
"""
