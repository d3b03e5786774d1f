"""The process engine: real processes, owned by the runner. Logs are read here, straight from their files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import datetime
from pathlib import Path

from app.engines.base import Capabilities, LogBatch, Observation, Unit
from app.engines.log_hub import LogHub
from app.engines.log_reader import last_of, sources
from app.engines.runner_client import RunnerClient
from app.engines.terminals import ProcessTerminals
from app.runner.codec import capabilities_from, observation_from
from app.runner.folders import DataFolder


class ProcessEngine:
    """Finds the runner of `data_dir` or starts one. The options hold for a runner that is started here."""

    def __init__(
        self, data_dir: Path, *, log_limit: int | None = None, port_range: tuple[int, int] | None = None
    ) -> None:
        self._data = DataFolder(data_dir.resolve())
        options = [f"--log-limit={log_limit}"] if log_limit is not None else []
        options += [f"--ports={port_range[0]}-{port_range[1]}"] if port_range is not None else []
        self._runner = RunnerClient(self._data, options)
        self._logs = LogHub(self._data)
        self.terminals = ProcessTerminals(self._runner, self._data)

    async def start(self) -> None:
        """Optional: the first call does it too. Adopts what a former runner left."""
        await self._runner.ready()

    async def capabilities(self) -> Capabilities:
        return capabilities_from(await self._runner.call("capabilities"))

    async def reserve(
        self, environment_id: str, wanted: Mapping[str, int], *, epoch: int, fixed: Collection[str] = ()
    ) -> dict[str, int]:
        ports: dict[str, int] = await self._runner.call(
            "reserve", environment_id=environment_id, wanted=dict(wanted), epoch=epoch, fixed=list(fixed)
        )
        return ports

    async def apply(self, unit: Unit, *, epoch: int) -> Observation:
        return observation_from(await self._runner.call("apply", unit=unit, epoch=epoch))

    async def observe(self, environment_id: str | None = None) -> list[Observation]:
        return [observation_from(data) for data in await self._runner.call("observe", environment_id=environment_id)]

    async def changes(self) -> AsyncIterator[str]:
        await self._runner.ready()
        async for environment_id in self._runner.hints.listen():
            yield environment_id

    async def stop(self, environment_id: str, service: str = "", replica: int | None = None, *, epoch: int) -> None:
        await self._runner.call("stop", environment_id=environment_id, service=service, replica=replica, epoch=epoch)

    async def destroy(self, environment_id: str, *, epoch: int) -> None:
        await self._runner.call("destroy", environment_id=environment_id, epoch=epoch)

    def logs(
        self, environment_id: str, service: str = "", after: Mapping[str, int] | None = None, *, follow: bool = False
    ) -> AsyncIterator[LogBatch]:
        read = self._logs.follow if follow else self._logs.read
        return read(environment_id, service, after or {})

    async def tail(
        self, environment_id: str, service: str = "", *, lines: int, since: datetime | None = None
    ) -> list[LogBatch]:
        files = sources(self._data.environment(environment_id).logs, environment_id, service)
        return await asyncio.to_thread(last_of, files, lines, since.timestamp() if since else None)

    async def shutdown(self) -> None:
        """For `soundstage down`: stop all units gracefully, then end the runner."""
        await self._runner.shut_down()
        await self.close()

    async def close(self) -> None:
        await self._logs.close()
        await self._runner.close()
