"""Worker processes: started, watched, given work and stopped. Nothing here knows about media."""
