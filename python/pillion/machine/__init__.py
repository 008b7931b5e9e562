"""The machine and the processes on it: its cores and battery, its name among devices, who holds what, signs of life.

Knows nothing of libraries or media: it imports :mod:`pillion.errors` and nothing else of Pillion.
"""
