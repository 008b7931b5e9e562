"""Results in the forms of others: plain text, hOCR, ALTO, searchable PDF, SRT and WebVTT.

Each form has a module, which knows results and no library; ``export`` finds what to put into them.
"""
