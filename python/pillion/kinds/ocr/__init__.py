"""``ocr``: the text of images and PDFs.

``kind`` and ``generator``: what the rest of Pillion knows of it. ``recognise``: the order of the steps for a file and
for a page. The steps: ``page`` (pixels, scale, segments, trust, boxes), ``pdf`` with ``textlayer``, and ``photograph``.
The engines: ``tesseract`` for pages, ``ppocr`` for photographs; ``models`` finds their data. ``result``: the sidecar.
"""
