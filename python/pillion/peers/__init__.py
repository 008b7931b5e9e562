"""Libraries of other devices: what they have, where they differ from this one, and taking sidecars from them.

``inventory`` sums up what a library has in digests, and ``answering`` gives them to others. ``peer`` is what a peer
answers, ``folder`` one whose folder can be read, ``web`` one that is reached by HTTP. ``compare`` finds where two
libraries differ; ``checking`` looks at what a peer gave, in workers; ``pulling`` is all of it for one library, and
``exporting`` copies a library's sidecars to another disk.
"""
