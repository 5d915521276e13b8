"""A full disk, or a file that may not be written, as a sentence."""

import errno

_REMEDIES = {
    errno.ENOSPC: "free some space; `df -h` shows which disk is full",
    errno.EDQUOT: "free some space, or raise the quota",
    errno.EROFS: "mount it so that it can be written, or name another place",
    errno.EACCES: "correct its permissions, or run this as the line's user",
    errno.EPERM: "correct its permissions, or run this as the line's user",
    errno.EIO: "see the system's log: the disk may fail",
    errno.EFBIG: "raise the limit on the size of files",
}


def explain(error: BaseException) -> str | None:
    """Return the sentence for an error that the administrator of a machine can mend; None for any other error."""
    if not isinstance(error, OSError) or error.errno not in _REMEDIES:
        return None
    where = f"{error.filename!s} cannot be used" if error.filename else "A file cannot be written"
    return f"{where} ({error.strerror}): {_REMEDIES[error.errno]}."
