"""The tests, and the sample media they are made from (tests.support)."""
