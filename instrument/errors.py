"""What we raise at users, only while they set things up. Each is also a builtin kind."""

__all__ = ["BadDsn", "BadOption", "InstrumentError", "UnknownOption"]


class InstrumentError(Exception):
    """The common base, for `except instrument.InstrumentError`."""


class BadOption(InstrumentError, ValueError):
    """An option of `init` has a value that cannot be used; the message names both and says what is right."""


class BadDsn(BadOption):
    """A DSN cannot be read. The message never shows its key."""


class UnknownOption(InstrumentError, TypeError):
    """`init` was given an option that does not exist; the message suggests the nearest name."""
