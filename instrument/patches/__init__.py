"""Automatic spans."""
