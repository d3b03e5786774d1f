"""Talks GraphQL with a server: queries and mutations by POST, subscriptions as server-sent events (graphql-sse)."""

from __future__ import annotations

import contextlib
import ipaddress
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from app.cli.documents import document
from app.cli.exits import CliError, Exit, this_command
from app.cli.where import Where

Json = dict[str, Any]
_TIMES = httpx.Timeout(30.0, connect=5.0)
#: The server sends a comment every 15 s on a stream that is quiet.
STREAM_SILENCE = 40.0
_REFUSED_KEYS = {"UNAUTHORIZED", "FORBIDDEN"}


class ServerError(CliError):
    """The server's answer is an error."""

    def __init__(self, code: str, message: str, extensions: Json, hint: str = "") -> None:
        exit_code = Exit.CREDENTIALS if code in _REFUSED_KEYS else Exit.REFUSED
        super().__init__(f"{message} ({code})", hint, exit_code=exit_code)
        self.code, self.extensions = code, extensions


class Unreachable(CliError):
    """No answer, or one that no Soundstage server gives."""

    def __init__(self, where: Where, why: str) -> None:
        hint = f"{this_command()} serve --demo   starts a server; --url names another one"
        super().__init__(f"{where.url} cannot be reached: {why}.", hint, exit_code=Exit.UNREACHABLE)


class Api:
    """One server, as one holder of a key sees it."""

    def __init__(self, where: Where) -> None:
        self.where = where
        # A proxy of the machine is for the world outside.
        outside = not _is_loopback(where.url)
        self._http = httpx.Client(
            base_url=where.url, timeout=_TIMES, trust_env=outside, headers={"Authorization": f"Bearer {where.api_key}"}
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def run(self, operation: str, **variables: Any) -> Any:
        """The value of the operation's root field; raises `ServerError` and `Unreachable`."""
        try:
            response = self._http.post("/graphql", json=_request(operation, variables))
        except httpx.HTTPError as error:
            raise Unreachable(self.where, _reason(error)) from None
        try:
            body = response.json()
        except ValueError:
            raise Unreachable(self.where, f"the answer ({response.status_code}) is not that of a server") from None
        return self._value(body)

    def events(self, operation: str, **variables: Any) -> Iterator[Any]:
        """The items of a subscription, until the connection ends. Raises `httpx.HTTPError` when it breaks."""
        timeout = httpx.Timeout(_TIMES.read, connect=5.0, read=STREAM_SILENCE)
        headers = {"Accept": "text/event-stream"}
        body = _request(operation, variables)
        with self._http.stream("POST", "/graphql", json=body, headers=headers, timeout=timeout) as response:
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                response.read()
                self._refused(response)
            for event, data in _events(response.iter_bytes()):
                if event == b"complete":
                    return
                if event == b"next":
                    yield self._value(json.loads(data))

    def download(self, path: str) -> Iterator[bytes]:
        """The pieces of a REST download; raises `ServerError`, and `Unreachable` also when it is cut off."""
        try:
            with self._http.stream("GET", path) as response:
                if not response.is_success:
                    response.read()
                    raise self._rest_error(response)
                yield from response.iter_bytes()
        except httpx.HTTPError as error:
            raise Unreachable(self.where, _reason(error)) from None

    def _rest_error(self, response: httpx.Response) -> CliError:
        try:
            error = response.json()["error"]
            return self._error({"message": error["message"], "extensions": {"code": error["code"].upper()}})
        except (ValueError, KeyError, TypeError):
            return Unreachable(self.where, f"the answer ({response.status_code}) is not that of a server")

    def _refused(self, response: httpx.Response) -> None:
        with contextlib.suppress(ValueError):
            self._value(response.json())
        raise Unreachable(self.where, f"the answer ({response.status_code}) is no stream")

    def _value(self, body: Any) -> Any:
        if not isinstance(body, dict):
            raise Unreachable(self.where, "the answer is not that of a server")
        if body.get("errors"):
            raise self._error(body["errors"][0])
        [value] = body["data"].values()
        return value

    def _error(self, error: Json) -> ServerError:
        extensions = error.get("extensions") or {}
        code = str(extensions.get("code", "INTERNAL_ERROR"))
        return ServerError(code, error["message"], extensions, self._hint(code))

    def _hint(self, code: str) -> str:
        if code == "UNAUTHORIZED":
            return "give a valid key with --api-key or SOUNDSTAGE_API_KEY"
        if code == "NOT_FOUND":
            return self.where.command("env", "list")
        return ""


def _request(operation: str, variables: Json) -> Json:
    return {"query": document(operation), "operationName": operation, "variables": variables}


def _events(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Events of a stream. Split at line feeds only: a log line in JSON may hold what Python calls a line's end."""
    event, data, rest = b"", b"", b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            name, _, value = line.rstrip(b"\r").partition(b":")
            if name == b"event":
                event = value.strip()
            elif name == b"data":
                data = value.strip()
            elif not line.rstrip(b"\r") and event:
                yield event, data
                event, data = b"", b""


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectError):
        return "nothing answers there"
    return "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
