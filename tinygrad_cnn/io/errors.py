"""The one error of all readers."""


class FileFormatError(ValueError):
    """A file is not what it should be: foreign, cut short, altered or hostile.  The message names it first."""
