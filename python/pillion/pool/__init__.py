"""Worker processes: started, watched, fed and ended. Nothing here knows what a picture or a sound is."""
