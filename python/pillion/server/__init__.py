"""`pillion serve`: the HTTP API of a library, /api/v1.

``serve.py`` runs the server and, beside it, the process that works the queue; ``app.py`` answers one request;
``operations.py`` is the table of what can be asked, in the words of ``schemas.py``; ``routes.py`` checks requests by
it, and ``openapi.py`` makes the document from it. ``guard.py`` decides who may ask, ``http.py`` is what a request and
an answer are. The rest is one file a subject: ``items.py``, ``sidecars.py``, ``originals.py``, ``finding.py``,
``work.py``, ``feed.py``, ``inventory.py``, ``health.py``, ``metrics.py``, and ``page.py`` for the page.

Nothing here knows tables or paths of the library: it uses what other programs use, :class:`pillion.Library`.
"""
