"""The same cases on other libraries. Each module has `SUBJECT`; their requirements are in the file beside."""
