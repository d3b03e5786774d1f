"""GraphQL over WebSocket (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing, suppress
from typing import Any

import orjson
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation

from app.core.errors import RateLimited
from app.observability.exchange import TEXT
from resolvers.broadcast import Member, TooSlow
from resolvers.budgets import Spending
from resolvers.context import Context
from resolvers.errors import shown

#: Where a WebSocket's scope has ASGI's own `send`.
SEND = "soundstage.send"


class SlowConsumer(RateLimited):
    """You read more slowly than the stream brings news: subscribe anew, behind the last cursor that you have."""

    code = "SLOW_CONSUMER"


class TransportWs(BaseGraphQLTransportWSHandler[Context, None]):
    """One WebSocket. A syntax error ends its own operation, not the connection with all the others."""

    @staticmethod
    def _get_pre_execution_close_reason(error: Any) -> str | None:
        return None

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """Takes part in a broadcast where there is one; else runs the operation alone."""
        view: Any = self.view
        prepared = view.schema.known(operation.query, operation.operation_name, operation.variables)
        if prepared is None:
            await super().run_operation(operation)
            return
        context = self.context.again()
        member = view.broadcast.join(prepared, context)
        if member is None:
            await super().run_operation(operation)
            return
        async with aclosing(member.results()) as results:
            spending = Spending(context)
            with suppress(OSError):  # the client has gone
                refused = await spending.take(prepared.operation, prepared.sent)
                if refused is not None:
                    await operation.send_initial_errors(shown([refused], context))
                else:
                    await self._send_all(operation, member, results, spending.told())

    async def _send_all(self, operation: Operation[Context, None], member: Member, results: Any, told: Any) -> None:
        scope = self.websocket.ws.scope  # type: ignore[attr-defined]
        write, send = scope.get(TEXT), scope[SEND]
        head = b'{"id":' + orjson.dumps(operation.id) + b',"type":"next","payload":{'
        tail = b',"extensions":' + orjson.dumps(told) + b"}}" if told else b"}}"
        try:
            async for fails, result in results:
                if fails:
                    await operation.send_operation_message(
                        {"id": operation.id, "type": "error", "payload": orjson.loads(result)}
                    )
                    return
                frame = head + result + tail
                if write is None or not write(frame):
                    await send({"type": "websocket.send", "text": frame.decode()})
                tail = b"}}"
                if write is not None:
                    member.deliver = _deliverer(write, head)
        except TooSlow:
            slow = SlowConsumer()
            errors: Any = [{"message": slow.message, "extensions": slow.extensions}]
            await operation.send_operation_message({"id": operation.id, "type": "error", "payload": errors})
            return
        await operation.send_operation_message({"id": operation.id, "type": "complete"})


def _deliverer(write: Callable[[bytes], bool], head: bytes) -> Callable[[bytes], bool]:
    return lambda result: write(head + result + b"}}")
