"""Files under one folder, reached so that no path leads out of it.

Each part of a path is opened below the part before it and never through a link (openat(2) with O_NOFOLLOW), so it does
not matter what changes between looking and acting. Everything here blocks: callers use a thread.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.files.errors import (
    FileChanged,
    FileExists,
    FileNotFound,
    FileTooLarge,
    FolderNotEmpty,
    NotAFile,
    NotAFolder,
)
from app.git.paths import BadPath, check_path

#: Bytes that are read or written at once, and up to which a version is a hash of the content.
LARGEST_READ = LARGEST_WRITE = 8 * 1024 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1024 * 1024
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP)
#: The expected version of what is not to be there.
ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at a path."""

    path: str
    #: file | folder | link | other
    kind: str
    size: int
    executable: bool
    modified_at: datetime
    #: Where a link points to.
    target: str = ""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Content:
    """A part of a file. `version` changes with the file's content."""

    entry: Entry
    data: bytes
    offset: int
    version: str


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What the system refuses, in our words."""
    try:
        yield
    except OSError as error:
        wrong = _ERRORS.get(error.errno or 0)
        if wrong is None:
            raise
        raise wrong() from None


_ERRORS = {
    errno.ENOENT: FileNotFound,
    errno.ENOTDIR: NotAFolder,
    errno.ELOOP: NotAFolder,
    errno.EEXIST: FileExists,
    errno.ENOTEMPTY: FolderNotEmpty,
    errno.EISDIR: NotAFile,
    errno.ENXIO: NotAFile,
    errno.ENAMETOOLONG: BadPath,
    errno.EINVAL: BadPath,
}


class Tree:
    """The files under a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def entry(self, path: str) -> Entry:
        """What stands at a path; raises `FileNotFound`."""
        path = check_path(path)
        with _told():
            if not path:
                return _entry("", self.root.lstat(), None, "")
            with self._parent(path) as (parent, name):
                return _entry(path, os.stat(name, dir_fd=parent, follow_symlinks=False), parent, name)

    def read(self, path: str, offset: int = 0, length: int | None = None) -> Content:
        """A file, or a range of it. Raises `FileTooLarge` where more than 8 MiB are asked for."""
        path = check_path(path)
        with _told(), self._file(path) as handle:
            found = os.fstat(handle)
            wanted = max(0, found.st_size - offset) if length is None else length
            if wanted > LARGEST_READ:
                raise FileTooLarge(
                    f"{wanted:,} bytes are more than the {LARGEST_READ:,} read at once: give offset and length.",
                    size=found.st_size,
                )
            data = _read(handle, offset, min(wanted, max(0, found.st_size - offset)))
            return Content(_entry(path, found, None, ""), data, offset, _version(handle))

    def write(self, path: str, data: bytes, *, expected: str | None, executable: bool | None = None) -> Entry:
        """Puts a file in place as a whole, its folders made. `expected`: a version, `ABSENT`, or None for any.

        Raises `FileChanged`, `FileExists`, `NotAFile` or `NotAFolder`; what stood there is there until it is replaced.
        """
        path = check_path(path)
        if not path:
            raise NotAFile()
        if len(data) > LARGEST_WRITE:
            raise FileTooLarge(f"{len(data):,} bytes are more than the {LARGEST_WRITE:,} that are written at once.")
        with _told(), self._parent(path, make=True) as (parent, name):
            mode = self._check(parent, name, expected)
            if executable is not None:
                mode = mode | 0o111 if executable else mode & ~0o111
            _replace(parent, name, data, mode)
            return _entry(path, os.stat(name, dir_fd=parent, follow_symlinks=False), parent, name)

    def check_place(self, path: str) -> None:
        """Raises what is wrong with putting a file there, as far as it can be told before."""
        path = check_path(path)
        with contextlib.suppress(FileNotFound), _told(), self._parent(path) as (parent, name):
            self._check(parent, name, None)

    def place(self, path: str, source: Path) -> Entry:
        """Puts a file in place that lies elsewhere, as a whole, its folders made; an ordinary file is replaced.

        The source stays. Until it is deleted the two may be one file with two names.
        """
        path = check_path(path)
        with _told(), self._parent(path, make=True) as (parent, name):
            mode = self._check(parent, name, None)
            _place(source, parent, name, mode)
            return _entry(path, os.stat(name, dir_fd=parent, follow_symlinks=False), parent, name)

    def make_folder(self, path: str) -> Entry:
        """A folder with those above it; one that is there stays as it is."""
        path = check_path(path)
        with _told():
            for handle in self._walk(path.split("/") if path else [], make=True):
                os.close(handle)
        return self.entry(path)

    def delete(self, path: str, *, recursive: bool = False) -> Entry:
        """Takes away a file, a link (not what it points to) or a folder. Raises `FolderNotEmpty`."""
        path = check_path(path)
        if not path:
            raise BadPath("The root of the working copy cannot be deleted.")
        with _told(), self._parent(path) as (parent, name):
            found = _entry(path, os.stat(name, dir_fd=parent, follow_symlinks=False), parent, name)
            if found.kind != "folder":
                os.unlink(name, dir_fd=parent)
            elif recursive:
                _delete_folder(parent, name)
            else:
                os.rmdir(name, dir_fd=parent)
        return found

    def move(self, path: str, to: str, *, replace: bool = False) -> Entry:
        """Moves a file, link or folder; raises `FileExists` unless a file may be replaced."""
        path, to = check_path(path), check_path(to)
        if not path or not to or to == path or to.startswith(f"{path}/"):
            raise BadPath("The root cannot be moved, and nothing can be moved to itself or into itself.")
        with _told(), self._parent(path) as (old, old_name):
            os.stat(old_name, dir_fd=old, follow_symlinks=False)
            with self._parent(to, make=True) as (new, new_name):
                if not replace and _exists(new, new_name):
                    raise FileExists()
                os.rename(old_name, new_name, src_dir_fd=old, dst_dir_fd=new)
        return self.entry(to)

    def children(self, path: str) -> list[Entry]:
        """What is in a folder, by name; `.git` is not told. A name that is no UTF-8 is shown with replacements."""
        path = check_path(path)
        prefix = f"{path}/" if path else ""
        found = []
        with _told(), self._folder(path) as folder, os.scandir(folder) as entries:
            for each in entries:
                if each.name.lower() == ".git":
                    continue
                with contextlib.suppress(FileNotFoundError):
                    shown = os.fsencode(each.name).decode(errors="replace")
                    found.append(_entry(prefix + shown, each.stat(follow_symlinks=False), folder, each.name))
        return sorted(found, key=lambda entry: entry.path)

    def version(self, path: str) -> str:
        """The version of a file; `ABSENT` where there is none."""
        try:
            with _told(), self._file(check_path(path)) as handle:
                return _version(handle)
        except FileNotFound:
            return ABSENT

    # Within.

    def _check(self, parent: int, name: str, expected: str | None) -> int:
        """Raises where something else stands there than is expected; returns the mode that the file keeps."""
        try:
            found = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            if expected not in (None, ABSENT):
                raise FileChanged("The file is not there any more.", version=ABSENT) from None
            return 0o644
        if not stat.S_ISREG(found.st_mode):
            raise NotAFile()
        if expected is not None:
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            try:
                now = _version(handle)
            finally:
                os.close(handle)
            if expected == ABSENT:
                raise FileExists(version=now)
            if now != expected:
                raise FileChanged(version=now)
        return stat.S_IMODE(found.st_mode) & 0o755

    @contextlib.contextmanager
    def _file(self, path: str) -> Iterator[int]:
        with self._parent(path) as (parent, name):
            # Without O_NONBLOCK, opening a named pipe would wait for whoever writes to it.
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
            try:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise NotAFile()
                yield handle
            except OSError as error:
                raise NotAFile() if error.errno == errno.ELOOP else error from None
            finally:
                os.close(handle)

    @contextlib.contextmanager
    def _folder(self, path: str) -> Iterator[int]:
        *above, last = self._walk(path.split("/") if path else [])
        for handle in above:
            os.close(handle)
        try:
            yield last
        finally:
            os.close(last)

    @contextlib.contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The opened folder that a path stands in, and its last part."""
        if not path:
            raise NotAFile()
        *folders, name = path.split("/")
        *above, last = self._walk(folders, make=make)
        for handle in above:
            os.close(handle)
        try:
            yield last, name
        finally:
            os.close(last)

    def _walk(self, folders: list[str], *, make: bool = False) -> list[int]:
        """Opens one folder below the other; the caller closes them."""
        handles = [os.open(self.root, _FOLDER)]
        try:
            for name in folders:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, 0o755, dir_fd=handles[-1])
                handles.append(os.open(name, _FOLDER, dir_fd=handles[-1]))
        except BaseException:
            for handle in handles:
                os.close(handle)
            raise
        return handles


def _entry(path: str, found: os.stat_result, parent: int | None, name: str) -> Entry:
    mode = found.st_mode
    kind = (
        "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else "other"
    )
    target = os.readlink(name, dir_fd=parent) if kind == "link" and parent is not None else ""
    return Entry(
        path=path,
        kind=kind,
        size=found.st_size if kind == "file" else 0,
        executable=kind == "file" and bool(mode & 0o100),
        modified_at=datetime.fromtimestamp(found.st_mtime, UTC),
        target=target,
    )


def _read(handle: int, offset: int, length: int) -> bytes:
    pieces = []
    while length > 0 and (piece := os.pread(handle, min(length, _CHUNK), offset)):
        pieces.append(piece)
        offset += len(piece)
        length -= len(piece)
    return b"".join(pieces)


def _version(handle: int) -> str:
    """A hash of the content; of a large file, of what the system knows about its last change."""
    found = os.fstat(handle)
    if found.st_size > LARGEST_READ:
        known = f"{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}".encode()
        return "stat-" + hashlib.sha256(known).hexdigest()[:32]
    return "sha-" + hashlib.sha256(_read(handle, 0, found.st_size)).hexdigest()[:40]


def _replace(parent: int, name: str, data: bytes, mode: int) -> None:
    """Written beside its place, durably, then renamed over it."""
    beside = f".{secrets.token_hex(8)}.soundstage"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(beside, flags, mode, dir_fd=parent)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            os.fchmod(handle, mode)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.rename(beside, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=parent)
        raise
    os.fsync(parent)


def _place(source: Path, parent: int, name: str, mode: int) -> None:
    """A second name for the source or, on another file system, a durable copy, renamed over the place."""
    beside = f".{secrets.token_hex(8)}.soundstage"
    try:
        try:
            os.link(source, beside, dst_dir_fd=parent, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _copy(source, beside, parent)
        os.chmod(beside, mode, dir_fd=parent)
        os.rename(beside, name, src_dir_fd=parent, dst_dir_fd=parent)
    finally:
        # Renaming a file over another name of itself does nothing: that name is left.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=parent)
    os.fsync(parent)


def _copy(source: Path, name: str, parent: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with source.open("rb") as old, os.fdopen(os.open(name, flags, 0o600, dir_fd=parent), "wb") as new:
        shutil.copyfileobj(old, new, _CHUNK)
        new.flush()
        os.fsync(new.fileno())


def _delete_folder(parent: int, name: str) -> None:
    folder = os.open(name, _FOLDER, dir_fd=parent)
    try:
        with os.scandir(folder) as entries:
            names = [(each.name, each.is_dir(follow_symlinks=False)) for each in entries]
        for each, is_folder in names:
            if is_folder:
                _delete_folder(folder, each)
            else:
                os.unlink(each, dir_fd=folder)
    finally:
        os.close(folder)
    os.rmdir(name, dir_fd=parent)


def _exists(parent: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
