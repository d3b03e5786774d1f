"""What a session's services may be, and what becomes of them: both databases."""

from __future__ import annotations

from typing import Any

import pytest

from app.blueprints.errors import BlueprintInvalid
from app.core.errors import PreconditionFailed
from app.engines.memory import MemoryEngine
from app.environments.service import Parts
from app.services.databases import GivenDatabase
from app.services.errors import BadOrder, BadService, NoDatabase, ServiceNameTaken, ServiceNeeded, ServiceNotFound
from app.services.models import DatabaseEngine, SessionService
from app.services.runtimes import RuntimeParts
from app.services.service import NewService, Services
from app.workspaces.errors import SessionNotFound
from tests.support.lifecycles import VAULT_KEY
from tests.support.tenants import found
from tests.support.working import Working

pytestmark = pytest.mark.anyio

POSTGRESQL = GivenDatabase(
    DatabaseEngine.POSTGRESQL, host="db.example", port=5433, database="shop", user="web", password="secret-word"
)


class Verbs:
    """The verbs in units of work of their own, committed."""

    def __init__(self, working: Working) -> None:
        from app.core.streams import Wakeups
        from app.core.vault import Vault

        self.working = working
        environments = Parts(MemoryEngine(), Vault(VAULT_KEY), lambda _: None, Wakeups())
        self.parts = RuntimeParts(working.parts, environments)

    async def __call__(self, verb: str, *arguments: Any, **options: Any) -> Any:
        work = self.working.tenant.work()
        done = await getattr(self.services(work), verb)(self.working.id, *arguments, **options)
        if work.has_changes:
            await work.commit()
        return done

    def services(self, work: Any = None) -> Services:
        tenant = self.working.tenant
        return Services(work or tenant.work(), tenant.actor, self.parts)

    async def add(self, name: str, **options: Any) -> SessionService:
        definition = options.pop("definition", {"run": name, "ports": ["http"]})
        made: SessionService = await self("create", NewService(name, definition, **options))
        return made


@pytest.fixture
def verbs(working: Working) -> Verbs:
    return Verbs(working)


async def test_services_stand_in_the_order_in_which_they_were_made(verbs: Verbs) -> None:
    made = [await verbs.add(name) for name in ("web", "api", "db")]

    listed = await verbs("all")

    assert [each.name for each in listed] == ["web", "api", "db"]
    assert listed == made
    assert listed[0].definition["ports"] == [{"name": "http", "port": None, "protocol": "http", "public": False}]


async def test_another_order_is_kept(verbs: Verbs) -> None:
    web, api, db = [await verbs.add(name) for name in ("web", "api", "db")]

    await verbs("reorder", [db.id, web.id, api.id])
    later = await verbs.add("worker")

    assert [each.name for each in await verbs("all")] == ["db", "web", "api", "worker"]
    assert later.position == 3


@pytest.mark.parametrize("chosen", [[0], [0, 0], [0, 1, 1], []])
async def test_an_order_names_each_service_once(verbs: Verbs, chosen: list[int]) -> None:
    made = [await verbs.add(name) for name in ("web", "api")]

    with pytest.raises(BadOrder):
        await verbs("reorder", [made[index].id for index in chosen])


async def test_a_name_is_taken_once_in_a_session(verbs: Verbs, working: Working) -> None:
    await verbs.add("web")
    other = await verbs.add("api")

    with pytest.raises(ServiceNameTaken):
        await verbs.add("web")
    with pytest.raises(ServiceNameTaken):
        await verbs("update", other.id, name="web")

    elsewhere = Verbs(await working.session(branch="elsewhere"))
    assert (await elsewhere.add("web")).name == "web"


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"run": 1},
        {"run": "x", "unknown": 1},
        {"run": "x", "depends_on": ["nobody"]},
        {"run": "x", "env": {"A": "${services.nobody.url}"}},
        {"run": "x", "env": {"A": "${secrets.NOBODY}"}},
        {"run": "x", "image": "y"},
    ],
)
async def test_a_definition_is_checked_as_a_blueprint_is(verbs: Verbs, definition: dict[str, Any]) -> None:
    with pytest.raises(BlueprintInvalid):
        await verbs.add("web", definition=definition)


@pytest.mark.parametrize("folder", ["/etc", "..", "a/../..", "../sessions", "${environment.id}", "a/../../b"])
async def test_a_working_directory_stays_in_the_working_copy(verbs: Verbs, folder: str) -> None:
    with pytest.raises(BadService):
        await verbs.add("web", definition={"run": "x", "working_dir": folder})


async def test_what_is_no_object_is_no_definition(verbs: Verbs) -> None:
    with pytest.raises(BadService):
        await verbs.add("web", definition=["run"])


async def test_a_change_changes_what_is_given(verbs: Verbs) -> None:
    made = await verbs.add("web", database=POSTGRESQL)

    renamed = await verbs("update", made.id, name="site")
    changed = await verbs("update", made.id, definition={"run": "other"}, expected_version=2)

    assert (renamed.name, renamed.definition, renamed.database) == ("site", made.definition, made.database)
    assert (changed.name, changed.definition["run"], changed.version) == ("site", "other", 3)
    with pytest.raises(PreconditionFailed):
        await verbs("update", made.id, name="late", expected_version=1)


async def test_what_others_need_is_not_removed(verbs: Verbs) -> None:
    db = await verbs.add("db")
    web = await verbs.add("web", definition={"run": "web", "env": {"DB": "${services.db.url}"}})

    with pytest.raises(ServiceNeeded):
        await verbs("delete", db.id)
    with pytest.raises(BlueprintInvalid):
        await verbs("update", db.id, name="base")

    await verbs("delete", web.id)
    await verbs("delete", db.id)
    assert await verbs("all") == []


async def test_a_password_is_sealed_and_given_to_who_connects(verbs: Verbs) -> None:
    made = await verbs.add("db", database=POSTGRESQL)

    access = await verbs("database", made.id)

    assert "secret-word" not in repr(made)
    assert (access.host, access.port, access.database, access.user) == ("db.example", 5433, "shop", "web")
    assert access.password == "secret-word"
    assert "secret-word" not in repr(access)


async def test_a_password_is_kept_for_the_place_that_it_was_given_for(verbs: Verbs) -> None:
    made = await verbs.add("db", database=POSTGRESQL)
    same = GivenDatabase(DatabaseEngine.POSTGRESQL, host="db.example", port=5433, database="other", user="web")
    elsewhere = GivenDatabase(DatabaseEngine.POSTGRESQL, host="evil.example", port=5433, database="shop", user="web")

    await verbs("update", made.id, database=same)
    assert (await verbs("database", made.id)).password == "secret-word"

    await verbs("update", made.id, database=elsewhere)
    assert (await verbs("database", made.id)).password == ""


async def test_a_database_is_a_file_of_the_working_copy(verbs: Verbs) -> None:
    made = await verbs.add("db", database=GivenDatabase(DatabaseEngine.SQLITE, path="data/./shop.db"))

    assert (await verbs("database", made.id)).path == "data/shop.db"
    await verbs("update", made.id, no_database=True)
    with pytest.raises(NoDatabase):
        await verbs("database", made.id)


@pytest.mark.parametrize(
    "given",
    [
        GivenDatabase(DatabaseEngine.SQLITE),
        GivenDatabase(DatabaseEngine.SQLITE, path="/etc/passwd"),
        GivenDatabase(DatabaseEngine.SQLITE, path="../other.db"),
        GivenDatabase(DatabaseEngine.SQLITE, path="a/../../b"),
        GivenDatabase(DatabaseEngine.SQLITE, path="a\0b"),
        GivenDatabase(DatabaseEngine.SQLITE, path="a", host="b"),
        GivenDatabase(DatabaseEngine.POSTGRESQL, database="a"),
        GivenDatabase(DatabaseEngine.POSTGRESQL, user="a"),
        GivenDatabase(DatabaseEngine.POSTGRESQL, database="a", user="b", port=70_000),
        GivenDatabase(DatabaseEngine.POSTGRESQL, database="a", user="b", host="c/d"),
        GivenDatabase(DatabaseEngine.POSTGRESQL, database="a", user="b", path="c"),
        GivenDatabase(DatabaseEngine.POSTGRESQL, database="a" * 300, user="b"),
    ],
)
async def test_a_database_that_is_none_is_refused(verbs: Verbs, given: GivenDatabase) -> None:
    with pytest.raises(BadService):
        await verbs.add("db", database=given)


async def test_a_service_of_another_session_is_none_of_this_one(verbs: Verbs, working: Working) -> None:
    other = Verbs(await working.session(branch="other"))
    made = await other.add("web")
    stranger = await found(working.tenant.database)

    with pytest.raises(ServiceNotFound):
        await verbs("update", made.id, name="mine")
    with pytest.raises(ServiceNotFound):
        await verbs("delete", made.id)
    with pytest.raises(SessionNotFound):
        await Services(stranger.work(), stranger.actor, verbs.parts).all(working.id)
    assert await Services(stranger.work(), stranger.actor, verbs.parts).find(made.id) is None


async def test_all_services_of_a_session_use_the_secrets_that_one_brings(verbs: Verbs) -> None:
    uses = {"run": "x", "env": {"TOKEN": "${secrets.TOKEN}"}}
    brings = await verbs.add("web", definition=uses, secrets={"TOKEN": "secret-word"})
    other = await verbs.add("api", definition=uses)

    assert (brings.secret_names, other.secret_names) == (["TOKEN"], [])
    assert "secret-word" not in repr(brings)
    with pytest.raises(BadService):
        await verbs.add("db", secrets={"TOKEN": "another"})
    with pytest.raises(BlueprintInvalid):
        await verbs("update", brings.id, secrets={"OTHER": "x"})
    with pytest.raises(ServiceNeeded):
        await verbs("delete", brings.id)


@pytest.mark.parametrize(
    "given", [{"a.b": "x"}, {"": "x"}, {"A": "x\0"}, {"A": "x" * 70_000}, {f"A{number}": "x" for number in range(51)}]
)
async def test_a_secret_that_is_none_is_refused(verbs: Verbs, given: dict[str, str]) -> None:
    with pytest.raises(BadService):
        await verbs.add("web", secrets=given)
