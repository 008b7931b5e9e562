"""Libraries of other devices: what they have, where they differ from this one, and taking sidecars from them.

``inventory`` sums up what a library has in digests; ``peer`` is what a peer answers, ``folder`` one whose folder can be
read; ``compare`` finds where two libraries differ; ``checking`` looks at what a peer gave, in workers; ``pulling`` is
all of it for one library.
"""
