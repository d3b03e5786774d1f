"""What can be wrong with files of a working copy."""

from __future__ import annotations

from app.core.errors import Conflict, NotFound, PayloadTooLarge, Unprocessable


class FileNotFound(NotFound):
    """There is no file or folder at this path."""

    code = "FILE_NOT_FOUND"


class FileExists(Conflict):
    """There is a file or folder at this path already. Choose another path, or say that it may be replaced."""

    code = "FILE_EXISTS"


class FileChanged(Conflict):
    """The file is no longer at the expected version: nothing was written. Read it again, then retry."""

    code = "FILE_CHANGED"


class NotAFile(Unprocessable):
    """This is no ordinary file: a folder, a link or a device cannot be read or written as one."""

    code = "NOT_A_FILE"


class NotAFolder(Unprocessable):
    """A part of the path is no folder. Links are not followed."""

    code = "NOT_A_FOLDER"


class FolderNotEmpty(Conflict):
    """The folder is not empty. Say `recursive` to delete all that is in it."""

    code = "FOLDER_NOT_EMPTY"


class FileTooLarge(PayloadTooLarge):
    """The file is larger than is read or written at once. Read a range of it, or upload it."""

    code = "FILE_TOO_LARGE"


class BadPattern(Unprocessable):
    """The pattern is not a regular expression that git understands."""

    code = "BAD_PATTERN"
