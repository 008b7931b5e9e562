"""The catalog: what a library knows, in one SQLite database. All SQL of the project lives in this package."""
