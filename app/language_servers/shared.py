"""One language server that several viewers share: it is started once, and each of them thinks it its own."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson
import structlog

from app.core.errors import SoundstageError
from app.language_servers.answers import Answers
from app.language_servers.capabilities import WATCHED, initialize_params
from app.language_servers.catalogue import Known
from app.language_servers.documents import Documents
from app.language_servers.errors import LanguageServerFailed, TooManyViewers
from app.language_servers.framing import Broken
from app.language_servers.process import ServerProcess, Stuck
from app.language_servers.roots import Root
from app.language_servers.viewers import Viewer

log = structlog.get_logger(__name__)

MOST_VIEWERS, MOST_ASKED = 32, 500
#: It may end this often in this many seconds before it is given up.
MOST_ENDS, ENDS_SECONDS = 5, 180.0
START_SECONDS, STOP_SECONDS = 60.0, 3.0
_PAUSES = (0.0, 0.5, 2.0, 5.0, 10.0)
#: Codes of JSON-RPC and of the Language Server Protocol.
REQUEST_FAILED, NOT_INITIALIZED, INVALID_PARAMS, INTERNAL_ERROR = -32803, -32002, -32602, -32603
#: What a server says of itself and of the machine.
_UNTOLD = frozenset({"window/logMessage", "telemetry/event", "$/logTrace", "$/progress"})

Message = dict[str, Any]
Launch = Callable[[], Awaitable[ServerProcess]]


@dataclass(frozen=True, slots=True)
class _Asked:
    viewer: Viewer
    id: Any


class SharedServer:
    """Starts with its first viewer, and again where it ends; `close` ends it."""

    def __init__(self, known: Known, root: Root, launch: Launch) -> None:
        self.known, self.root, self._launch = known, root, launch
        self.viewers: list[Viewer] = []
        self.documents = Documents()
        self.restarts = 0
        self.started_at: float | None = None
        self.failed: LanguageServerFailed | None = None
        #: When the last viewer left.
        self.idle_since = time.monotonic()
        self._numbers = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        self._own: dict[int, asyncio.Future[Any]] = {}
        self._answers = Answers(self)
        self._given: Message = {}
        #: What it answered to `initialize`; None before it did.
        self._result: Message | None = None
        self._initializing = asyncio.Lock()
        self._ready = asyncio.Event()
        self._process: ServerProcess | None = None
        self._running = asyncio.Event()
        self._ends: deque[float] = deque()
        self._renewed = False
        self._task = asyncio.create_task(self._keep())

    @property
    def running(self) -> bool:
        """Whether it answers."""
        return self._ready.is_set() and self.failed is None

    @property
    def pid(self) -> int | None:
        """Its process group."""
        return self._process.pid if self._process else None

    # --- viewers

    def join(self) -> Viewer:
        """A new viewer; raises `TooManyViewers`."""
        if self.failed is not None:
            raise self.failed
        if len(self.viewers) >= MOST_VIEWERS:
            raise TooManyViewers(f"{MOST_VIEWERS} viewers use this language server, as many as there may be.")
        self.viewers.append(viewer := Viewer())
        return viewer

    async def leave(self, viewer: Viewer) -> None:
        """A viewer goes, and with it what only it had open or had asked for."""
        self.viewers.remove(viewer)
        self.idle_since = time.monotonic()
        self._answers.leave(viewer)
        for number in viewer.asked:
            self._asked.pop(number, None)
        given_up = [notification("$/cancelRequest", {"id": number}) for number in viewer.asked]
        await self.tell(*given_up, *self.documents.leave(viewer))

    async def initialize(self, viewer: Viewer, params: Message) -> Message:
        """The answer to `initialize`: the first viewer's is asked of the server, all get the same."""
        async with self._initializing:
            if self._result is None:
                self._given = initialize_params(params, self.known, self.root)
                await self._begin()
        await self.ready()
        viewer.initialized = True
        return self._result or {}

    async def ask(self, viewer: Viewer, request: Message, before: Sequence[Message] = ()) -> None:
        """A viewer's request, behind what the server has to know before; the answer goes to the viewer alone."""
        await self.ready()
        if len(viewer.asked) >= MOST_ASKED:
            viewer.send(refusal(request["id"], REQUEST_FAILED, "Too many requests are not answered yet."))
            return
        number = next(self._numbers)
        self._asked[number], viewer.asked[number] = _Asked(viewer, request["id"]), request["id"]
        self._answers.active = viewer
        await self._send(*before, {**request, "id": number})

    async def cancel(self, viewer: Viewer, id: Any) -> None:
        """A viewer no longer wants an answer."""
        for number, asked in viewer.asked.items():
            if asked == id and type(asked) is type(id):
                await self.tell(notification("$/cancelRequest", {"id": number}))
                return

    def answered(self, viewer: Viewer, answer: Message) -> None:
        """A viewer's answer to a request of the server."""
        self._answers.take(viewer, answer)

    # --- the server

    async def tell(self, *messages: Message) -> None:
        """Notifications, to a server that runs. One that starts is told of the documents as they are then."""
        if self.running:
            await self._send(*messages)

    def reply(self, answer: Message) -> None:
        """An answer to the server; who reads it does not wait for it to read."""
        if self._process is not None:
            self._process.post(answer)

    def set_up(self, settings: Any) -> None:
        """How viewers want the server to be set up."""
        self._answers.settings = settings

    async def changed(self, changes: Sequence[tuple[str, int]]) -> None:
        """Files changed on the disk: their paths, and 1 for created, 2 for changed, 3 for deleted."""
        if self._answers.watches and changes:
            told = [{"uri": self.root.address(path), "type": kind} for path, kind in changes]
            await self.tell(notification(WATCHED, {"changes": told}))

    async def renew(self) -> None:
        """Starts it again, since too much changed on the disk to be told one by one."""
        if self.running and self._process is not None:
            self._renewed = True
            await self._process.end()

    async def ready(self) -> None:
        """Waits until it answers; raises `LanguageServerFailed`."""
        if self.failed is not None:
            raise self.failed
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            raise LanguageServerFailed(f"{self.known.name} does not answer.") from None
        if self.failed is not None:
            raise self.failed

    async def close(self, error: SoundstageError | None = None) -> None:
        """Ends the server and its viewers, with an error or without."""
        self.failed = self.failed or LanguageServerFailed(f"{self.known.name} was stopped. Connect again.")
        for viewer in self.viewers:
            viewer.cut(error)
        with suppress(TimeoutError, LanguageServerFailed, Stuck):
            async with asyncio.timeout(STOP_SECONDS):
                if self._ready.is_set() and self._process is not None:
                    await self._request("shutdown", None)
                    await self._send(notification("exit", None))
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    # --- within

    async def _begin(self) -> None:
        """`initialize`, `initialized`, and the documents that are open. A server that fails at it is ended."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._running.wait()
                if self.failed is not None:
                    raise self.failed
                self._result = await self._request("initialize", self._given)
        except (TimeoutError, LanguageServerFailed) as error:
            if self._process is not None:
                await self._process.end()
            raise LanguageServerFailed(getattr(error, "message", f"{self.known.name} does not answer.")) from None
        if self._process is not None:
            self._process.post(notification("initialized", {}), *self.documents.opened())
            self.started_at = time.time()
            self._ready.set()

    async def _request(self, method: str, params: Any) -> Any:
        number = next(self._numbers)
        self._own[number] = future = asyncio.get_running_loop().create_future()
        try:
            await self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            return await future
        finally:
            self._own.pop(number, None)

    async def _send(self, *messages: Message) -> None:
        process = self._process
        if process is None or not messages:
            return
        try:
            await process.send(*messages)
        except Stuck:
            log.warning("language_server.stuck", server=self.known.name)
            await process.end()

    async def _keep(self) -> None:
        """Runs it until it is closed, or has ended too often."""
        try:
            while self.failed is None:
                await self._run()
        except Exception:
            log.exception("language_server.defect", server=self.known.name)
            self._fail("a defect of Soundstage ended it")
        finally:
            self._ready.clear()
            if self._process is not None:
                await self._process.end()

    async def _run(self) -> None:
        """One life of the process."""
        try:
            self._process = process = await self._launch()
        except (OSError, SoundstageError) as error:
            self._fail(getattr(error, "message", "it cannot be started"))
            return
        self._running.set()
        begin = asyncio.create_task(self._begin()) if self._result is not None else None
        try:
            with suppress(Broken):
                async for body in process.messages():
                    self._take(body)
            code = await process.end()
            log.info("language_server.ended", server=self.known.name, code=code, said=process.said[-500:])
        finally:
            if begin is not None:
                begin.cancel()
                await asyncio.gather(begin, return_exceptions=True)
        await self._ended(f"it ended with code {code}")

    async def _ended(self, reason: str) -> None:
        self._ready.clear()
        self._running.clear()
        self._process = None
        self._answers.forget()
        for number, asked in list(self._asked.items()):
            asked.viewer.asked.pop(number, None)
            asked.viewer.send(refusal(asked.id, REQUEST_FAILED, f"{self.known.name} is started again: {reason}."))
        self._asked.clear()
        if self._counts():
            self._fail(f"{reason}, {len(self._ends)} times")
            return
        for future in self._own.values():
            if not future.done():
                future.set_exception(LanguageServerFailed(f"{self.known.name} is started again: {reason}."))
        self.restarts += 1
        self._tell_viewers(f"{self.known.name} is started again: {reason}.")
        await asyncio.sleep(_PAUSES[len(self._ends) - 1] if self._ends else 0)

    def _counts(self) -> bool:
        """Counts an end; whether it is one too many."""
        now, renewed = time.monotonic(), self._renewed
        self._renewed = False
        while self._ends and self._ends[0] < now - ENDS_SECONDS:
            self._ends.popleft()
        if not renewed:
            self._ends.append(now)
        return len(self._ends) > MOST_ENDS

    def _fail(self, reason: str) -> None:
        self.failed = LanguageServerFailed(f"{self.known.name} runs no longer: {reason.rstrip('.')}.")
        for future in self._own.values():
            if not future.done():
                future.set_exception(self.failed)
        for viewer in self.viewers:
            viewer.cut(self.failed)
        self._running.set()  # so that nobody waits any more
        self._ready.set()
        log.warning("language_server.failed", server=self.known.name, reason=reason)

    def _tell_viewers(self, text: str) -> None:
        for viewer in self.viewers:
            viewer.send({"jsonrpc": "2.0", "method": "$/soundstage/restarted", "params": {"message": text}})

    def _take(self, body: bytes) -> None:
        """A message of the server. One that is not as the protocol says is dropped."""
        try:
            message = orjson.loads(body)
            method = message.get("method")
            if method is None:
                self._take_answer(message, body)
            elif "id" in message:
                self._answers.answer(message, body)
            elif method == "textDocument/publishDiagnostics":
                self._diagnosed(message, body)
            elif method not in _UNTOLD:
                for viewer in self.viewers:
                    if viewer.initialized:
                        viewer.send(self.root.told(viewer.root, body))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            log.warning("language_server.strange", server=self.known.name, error=repr(error)[:200])

    def _take_answer(self, message: Message, body: bytes) -> None:
        own = self._own.get(message["id"])
        if own is not None and not own.done():
            if "error" in message:
                own.set_exception(LanguageServerFailed(f"{self.known.name}: {message['error'].get('message', '')}"))
            else:
                own.set_result(message.get("result"))
            return
        asked = self._asked.pop(message["id"], None)
        if asked is None:
            return
        asked.viewer.asked.pop(message["id"], None)
        try:
            answer = self.root.told(asked.viewer.root, body)
            asked.viewer.send({**answer, "id": asked.id})
        except (ValueError, TypeError, RecursionError):
            asked.viewer.send(refusal(asked.id, INTERNAL_ERROR, "The answer cannot be passed on."))

    def _diagnosed(self, message: Message, body: bytes) -> None:
        """To all; with its version to who has the document open as the server has it, not at all to who has another."""
        document = self.documents[message["params"]["uri"]]
        if document is not None:
            document.diagnostics = body
        for viewer in self.viewers:
            if viewer.initialized:
                self.send_diagnostics(viewer, message["params"]["uri"], body)

    def send_diagnostics(self, viewer: Viewer, uri: str, body: bytes | None = None) -> None:
        """What is wrong in a document; what was said last, where nothing is given."""
        document, buffer = self.documents[uri], self.documents.buffer(viewer, uri)
        body = body or (document.diagnostics if document else None)
        if body is None or (document is not None and buffer is not None and buffer.text != document.text):
            return
        told = self.root.told(viewer.root, body)
        params = told.get("params")
        if not isinstance(params, dict):
            return  # it is about a file elsewhere
        version = params.pop("version", None)
        if document is not None and buffer is not None and version == document.version:
            params["version"] = buffer.version
        viewer.send(told)


def notification(method: str, params: Any) -> Message:
    """What is told and not answered."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def refusal(id: Any, code: int, message: str) -> Message:
    """An error as an answer."""
    return {"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}
