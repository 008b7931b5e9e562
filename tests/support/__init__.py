"""Sample media with known contents, made on the spot: nothing here is downloaded."""
