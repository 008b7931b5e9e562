"""Batches of jobs on a Dask cluster that is there: ``pillion work --dask tcp://scheduler:8786`` (docs/scale.md).

``pool.py`` is this machine's side, in place of the local pool; ``worker.py`` runs on the machines of the cluster, where
it hands each batch to a local pool of confined children; ``protocol.py`` is what passes between the two, as bytes;
``client.py`` is the only one that knows Dask. The library's queue stays the truth: claims, tries and the fence are this
machine's, and only it records.
"""
