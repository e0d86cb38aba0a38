"""Calls that come in: one file for each framework, over one shared shape.

A framework is imported only by the file that is named after it.
"""
