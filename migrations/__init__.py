"""How the database came to its tables, one file per step; ``python -m migrations.check`` holds them to the schema."""
