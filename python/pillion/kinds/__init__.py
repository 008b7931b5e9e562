"""Kinds of sidecars: one folder each, named in ``registry``. docs/kinds.md says how to add one."""
