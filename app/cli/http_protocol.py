"""HTTP/1.1 over a connection: uvicorn's protocol, with a short way for requests that are here as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any
from urllib.parse import unquote

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from app.cli.carriers import Carriers, Waits
from app.cli.request_heads import LONGEST_NUMBER, METHODS, RequestHead
from app.observability.draining import STOPPING
from app.observability.exchange import WHOLE, Answer, App, Headers, Incoming, RawHeaders, Receive, Scope, Send

#: What these ask for is uvicorn's matter, and that of its middleware for proxies.
_ELSEWHERE = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"x-forwarded-for", b"x-forwarded-proto"})

#: Answers a request whose body is here; None for what is to go the ordinary way.
Whole = Callable[[Incoming], Coroutine[Any, Any, Answer | None]]


async def _unknown(request: Incoming) -> None:
    """Of an application that answers nothing whole."""


class Drain:
    """The application, with what all its connections have in common; tells requests by when streams have to end."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._stopping = asyncio.Event()
        self.whole: Whole = getattr(app, "whole", _unknown)
        self.carriers = Carriers()

    def begin(self) -> None:
        """The server stops."""
        self._stopping.set()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        scope[STOPPING] = self._stopping
        return self._app(scope, receive, send)


class Http(HttpToolsProtocol):
    """Answers small requests whole, in the step in which their last byte comes.

    A task for each request, the messages of ASGI and the two turns of the loop that they take cost more than most
    answers. What has to wait, what is not known and what is large goes uvicorn's way from then on.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        drain: Any = self.config.app
        self._whole: Whole = drain.whole
        self._carriers: Carriers = drain.carriers
        #: The parts of the body of a request that is waited for; None where uvicorn has it.
        self._held: list[bytes] | None = None
        self._head = Headers([])
        #: Whether one may be answered whole now: of many that come at once, the others wait for their turns.
        self._may = True
        #: What answers the next request instead of the application, and the request where that waits.
        self._instead: App | None = None
        self._waiting: Incoming | None = None
        #: When the last request was answered the short way; uvicorn has its own timer for the others.
        self._quiet_since = float("inf")
        self._default: tuple[RawHeaders, bytes] = ([], b"")
        #: What has just arrived, and whether a request begins with it: the parser has seen all of those before.
        self._data, self._begins, self._between = b"", True, True
        #: The head of the last request where it was answered the short way.
        self._known: RequestHead | None = None
        #: The scope of a request that was begun without the parser, which reads it now.
        self._begun: Scope | None = None

    def is_quiet_since(self, moment: float) -> bool:
        """Whether nothing was asked since a moment of the loop's clock."""
        return self._quiet_since < moment and self._is_free

    @property
    def _is_free(self) -> bool:
        """Whether uvicorn has no request of this connection under way."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        known, begins = self._known, self._between
        if known is not None and begins and self._is_free and (asked := known.again(data)) is not None:
            self._unset_keepalive_if_required()
            self._answer_again(data, *asked)
            return
        self._known, self._data, self._begins, self._may = None, data, begins, True
        super().data_received(data)
        self._data = b""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._between = False
        if self._begun is not None:
            scope: Any = {**self._begun, "headers": self.headers, "state": self.scope["state"]}
            self.scope, self._begun = scope, None

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._held = None
        self._head = Headers(self.headers)
        if self._may and self._is_free and self._is_small():
            self._held = []
            return
        self.expect_100_continue = self._head.get("expect", "").lower() == "100-continue"
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._held is None:
            super().on_body(body)
        else:
            self._held.append(body)

    def on_message_complete(self) -> None:
        self._between = True
        held, self._held = self._held, None
        if held is None:
            super().on_message_complete()
        else:
            self._answer(held[0] if len(held) == 1 else b"".join(held))

    def _is_small(self) -> bool:
        """Whether a request is an ordinary one with a small body."""
        head, url = self._head.raw, self.url
        size = head.get(b"content-length", b"0")
        return (
            self.parser.get_method() in METHODS
            and _ELSEWHERE.isdisjoint(head)
            and len(size) < LONGEST_NUMBER
            and size.isdigit()
            and url[:1] == b"/"
            and url[:2] != b"//"
            and b"#" not in url
            and not self.root_path
        )

    def _answer(self, body: bytes) -> None:
        self._may = False
        scope = self._asked()
        if self._is_answered(scope, self._head, body, keep_alive=self.parser.should_keep_alive()):
            if self._begins and not self.transport.is_closing():
                self._known = RequestHead.of(self._data, self._head, scope)
            return
        super().on_headers_complete()
        if body:
            super().on_body(body)
        super().on_message_complete()
        self._connect()

    def _answer_again(self, data: bytes, scope: Scope, headers: Headers, body: bytes) -> None:
        """The same for a request that the parser has not read; it does where uvicorn is to have it."""
        if not self._is_answered(scope, headers, body, keep_alive=True):
            self._begun, self._may = scope, False
            super().data_received(data)
            self._connect()

    def _connect(self) -> None:
        """Tells a request that uvicorn has now where it learns that its client leaves."""
        if self._waiting is not None:
            cycle: Any = self.cycle
            self._waiting.connect(cycle.receive)
            self._waiting = None

    def _is_answered(self, scope: Scope, headers: Headers, body: bytes, *, keep_alive: bool) -> bool:
        """Whether a request was answered; else uvicorn is to have it, with what it answers it by."""
        request = Incoming.whole(scope, headers, body)
        try:
            answer = self._carriers.run(self._whole(request))
        except Waits as waits:
            application: Any = self.app
            self._instead, self._waiting = partial(_answer_later, waits.task, application), request
            return False
        except (Exception, asyncio.CancelledError) as error:  # a defect: uvicorn logs it, and tells so
            self._instead = partial(_fail, error)
            return False
        if answer is None:
            return False
        if self._is_written(answer, keep_alive=keep_alive):
            return True
        self._instead = partial(_send, answer)
        return False

    def _asked(self) -> Scope:
        """The scope, with what uvicorn adds to it once the headers are there."""
        scope: Any = self.scope
        raw_path, _, query = self.url.partition(b"?")
        path = raw_path.decode("ascii")
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"], scope["query_string"] = raw_path, query
        found: Scope = scope
        return found

    def _is_written(self, answer: Answer, *, keep_alive: bool) -> bool:
        """Writes an answer; False where that takes more than writing."""
        if self.flow.write_paused:
            return False
        piece = self._piece(answer, keep_alive=keep_alive)
        if piece is None:
            return False
        self.transport.write(piece)
        self.server_state.total_requests += 1
        self._quiet_since = self.loop.time()
        if not keep_alive:
            self.transport.close()
        return True

    def _write_whole(self, cycle: RequestResponseCycle, answer: Answer) -> bool:
        """The same for a request that uvicorn has; False where the messages of ASGI are to be sent."""
        if cycle.response_started or cycle.flow.write_paused or cycle.scope["method"] == "HEAD":
            return False
        if cycle.disconnected:
            return True
        piece = self._piece(answer, keep_alive=cycle.keep_alive)
        if piece is None:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(piece)
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True

    def _piece(self, answer: Answer, *, keep_alive: bool) -> bytes | None:
        """An answer as it is sent; None where a header holds a line end, which is refused elsewhere."""
        head = answer.head()
        if head is None:
            return None
        headers = self.server_state.default_headers  # a new list each second
        if headers is not self._default[0]:
            self._default = (headers, b"".join([b"%b: %b\r\n" % header for header in headers]))
        end = b"\r\n" if keep_alive else b"connection: close\r\n\r\n"
        return b"".join((STATUS_LINE[answer.status], self._default[1], head, end, answer.body))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        scope: Any = cycle.scope
        scope[WHOLE] = partial(self._write_whole, cycle)
        instead: Any = self._instead or app
        self._instead, self._quiet_since = None, float("inf")
        super()._start_asgi_task(cycle, instead)


async def _answer_later(
    task: asyncio.Task[Answer | None], app: App, scope: Scope, receive: Receive, send: Send
) -> None:
    answer = await task
    await (app(scope, receive, send) if answer is None else answer.send(scope, send))


async def _fail(error: BaseException, scope: Scope, receive: Receive, send: Send) -> None:
    raise error


async def _send(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    await answer.send(scope, send)
