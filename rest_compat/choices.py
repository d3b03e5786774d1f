"""Several operations at one path, told apart by a field of the body: `{"operation": "read", …}`."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.errors import InvalidRequest, SoundstageError
from app.observability.exchange import Answer, Incoming
from app.observability.requests import ROUTE
from rest_compat.operations import RestOperation
from rest_compat.routes import RestRoute, json_body


@dataclass(frozen=True)
class Choice:
    """The routes of one path and method, by the value of a field."""

    field: str
    routes: dict[str, RestRoute]

    @property
    def operation(self) -> RestOperation:
        """The first of them: its API is that of all."""
        return next(iter(self.routes.values())).operation

    async def answer(self, request: Incoming, path: dict[str, str]) -> Answer:
        """Lets the chosen one answer; the first one tells what is wrong where none is chosen."""
        try:
            chosen = await self._chosen(request)
        except SoundstageError as error:
            return await next(iter(self.routes.values())).answer(request, path, error)
        request.scope[ROUTE] = chosen.operation.name
        return await chosen.answer(request, path)

    async def _chosen(self, request: Incoming) -> RestRoute:
        body = json_body(request, await request.body())
        value = body.get(self.field) if isinstance(body, dict) else None
        found = self.routes.get(value) if isinstance(value, str) else None
        if found is None:
            known = ", ".join(self.routes)
            wrong = f"The '{self.field}' field is required" if value is None else f"'{self.field}' is not known here"
            fields = [{"field": self.field, "message": f"It has to be one of {known}."}]
            raise InvalidRequest(f"{wrong}. It has to be one of {known}.", fields=fields)
        return found


def choices(routes: list[RestRoute]) -> RestRoute | Choice:
    """The routes of one path and method as one."""
    if len(routes) == 1 and routes[0].operation.when is None:
        return routes[0]
    conditions = [route.operation.when for route in routes]
    fields = {condition[0] for condition in conditions if condition is not None}
    if None in conditions or len(fields) != 1:
        names = ", ".join(route.operation.name for route in routes)
        raise ValueError(f"{names}: all that share a path need `when` with the same field")
    return Choice(
        fields.pop(), {condition[1]: route for condition, route in zip(conditions, routes, strict=True) if condition}
    )
