"""Answers other than 200."""


class HttpError(Exception):
    """Raised by handlers and by calls alike; ``status`` is what the caller is answered."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status
