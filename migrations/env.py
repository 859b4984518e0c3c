"""Alembic's entry: runs the steps on the connection it was given, inside the caller's transaction."""

from alembic import context

from aispend.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
)
context.run_migrations()
