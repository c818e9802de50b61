"""What a user is told when something is wrong: one sentence that names the file or key and the remedy."""


class UserError(Exception):
    """A fault of the input or the machine, not of the code; its text is the whole message."""


class DamagedError(UserError):
    """A file is not what was written."""
