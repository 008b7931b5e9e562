"""The queue of one library at work: from a claimed job to a recorded result. See docs/jobs.md."""
