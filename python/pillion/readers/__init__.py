"""What opens a format for several kinds: pictures, PDFs, sound and film, documents."""
