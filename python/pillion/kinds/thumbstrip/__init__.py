"""``thumbstrip``: a sheet of frames that are spread over a film, with an index of their times and places."""
