"""The `hookline` command: for operators, and for work on a laptop."""
