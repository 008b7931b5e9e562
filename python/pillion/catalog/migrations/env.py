"""Runs the migrations on the connection that catalog/database.py provides, inside its transaction."""

from alembic import context

from pillion.catalog.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
