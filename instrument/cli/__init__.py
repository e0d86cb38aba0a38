"""The command `instrument`: one file for each of its commands, and a table of them in `main`."""
