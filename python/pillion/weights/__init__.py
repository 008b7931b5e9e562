"""Finding and checking model weights.

Each model is searched for in this order; the first one found is used:

1. an explicit folder: the setting itself if it is a path, else ``$PILLION_MODELS/<model>``;
2. local caches: Pillion's own cache folder, then the hub's;
3. an installed package with the weights (before the hub: fast, works without a network, known hash);
4. the hub, unless ``PILLION_OFFLINE`` or ``HF_HUB_OFFLINE`` is set.

Each kind's ``models`` module uses this for its own models; ``cache`` is the user's cache folder.
"""
