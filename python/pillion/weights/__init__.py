"""Where model weights and language data are, and what they are: found, checked, never guessed.

Each model is looked for in this order; the first hit wins:

1. an explicit folder: the setting itself if it is a path, else ``$PILLION_MODELS/<model>``;
2. local caches: Pillion's own cache folder, then the hub's;
3. an installed package that carries the weights (preferred to the hub: quick, works without a network, hash known);
4. the hub, unless ``PILLION_OFFLINE`` or ``HF_HUB_OFFLINE`` is set.

``whisper``, ``minilm``, ``tesseract`` and ``photographs`` each have a function ``found``, which gives what their engine
loads, and an ``identity`` for recipes, which is cheap: it loads no engine and downloads nothing. ``languages`` is the
table of what Tesseract has data for; ``cache`` is the user's cache folder.
"""
