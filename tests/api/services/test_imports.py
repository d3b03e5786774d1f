"""Imports over REST: real git, code hosts and a registry on this machine."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.git import cloning
from app.git.cloning import CloneLimits
from tests.support import published
from tests.support.code_hosts import code_hosts
from tests.support.published import OWNER, connect, publish
from tests.support.samples.workspaces import PREPARATIONS
from tests.support.serving import Client, Served
from tests.support.waiting import until

pytestmark = pytest.mark.anyio
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=["sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """git is no matter of the database."""
    name: str = request.param
    return name


class Session:
    """A session of a new organization that is connected to a code host."""

    def __init__(self, client: Client, session_id: str, folder: Path) -> None:
        self.client, self.id, self.folder = client, session_id, folder

    async def imports(self, host: str = "github", **given: Any) -> httpx.Response:
        return await self.client.post(f"/api/v1/workspace/{self.id}/services/import-{host}", json=given)

    async def names(self) -> list[str]:
        return [each["name"] for each in (await self.client.get(f"/api/v1/workspace/{self.id}/services")).json()]


@pytest.fixture
async def session(shared: Served) -> Session:
    client = await shared.newcomer()
    made = await PREPARATIONS["work_session"](client)
    for host in ("github", "gitlab", "bitbucket"):
        await connect(client, host)
    folder = shared.product.product.workspaces.folders.session(made["workspace"], made["work_session"])
    return Session(client, made["work_session"], folder)


def repository(files: dict[str, str], **links: str) -> tuple[str, str]:
    """A published repository of these files: its name, and its commit."""
    name = f"shop-{next(_numbers)}"
    return f"{OWNER}/{name}", publish(name, files, links)


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("host", ["github", "gitlab", "bitbucket"])
async def test_a_repository_s_files_and_services_come_into_the_session(session: Session, host: str) -> None:
    name, commit = repository({"Procfile": "web: python3 app.py", "app.py": "print(1)", "deep/er/file": "x"})

    answer = await session.imports(host, repository=name)

    assert answer.status_code == 201, answer.text
    [made] = answer.json()
    place = name.partition("/")[2]
    assert (made["name"], made["origin"]) == ("web", f"{host}:{name}@{commit}")
    assert (made["definition"]["run"], made["definition"]["working_dir"]) == ("python3 app.py", place)
    assert made["runtime"]["status"] == "stopped", "nothing is run by importing"
    assert (session.folder / place / "deep/er/file").read_text() == "x"
    assert not (session.folder / place / ".git").exists()
    tree = await session.client.post(f"/api/v1/workspace/{session.id}/file-tree", json={"path": place})
    assert tree.status_code == 200


async def test_the_token_is_sent_and_kept_nowhere(session: Session) -> None:
    name, _ = repository({"Procfile": "web: x"})

    await session.imports(repository=name)

    kept = [path.read_bytes() for path in session.folder.parent.parent.rglob("*") if path.is_file()]
    assert not any(published.TOKEN.encode() in content for content in kept)


async def test_a_ref_a_folder_and_a_name_can_be_chosen(session: Session) -> None:
    name, commit = repository({"package.json": '{"scripts": {"start": "node ."}}'})

    answer = await session.imports(repository=name, ref="v1", directory="apps/front", name="front")

    [made] = answer.json()
    assert (made["name"], made["definition"]["working_dir"]) == ("front", "apps/front")
    assert made["origin"].endswith(commit)
    assert (session.folder / "apps/front/package.json").exists()


async def test_the_services_of_a_blueprint_are_taken_together(session: Session) -> None:
    blueprint = """
services:
  api: {run: serve, working_dir: api, ports: [http], env: {DB: "${services.db.url}"}, depends_on: [db]}
  db: {run: db, ports: [sql]}
"""
    name, _ = repository({"soundstage.yaml": blueprint, "api/x": ""})

    answer = await session.imports(repository=name, directory="shop")

    assert [each["name"] for each in answer.json()] == ["api", "db"]
    assert [each["definition"]["working_dir"] for each in answer.json()] == ["shop/api", "shop"]


async def test_a_blueprint_s_secrets_are_given_with_it(session: Session) -> None:
    name, _ = repository({"soundstage.yaml": "services: {api: {run: serve, env: {KEY: '${secrets.KEY}'}}}"})

    refused = await session.imports(repository=name)
    made = await session.imports(repository=name, secrets=[{"name": "KEY", "value": "secret-word"}])

    assert told(refused) == (422, "blueprint_invalid")
    assert (made.status_code, made.json()[0]["secretNames"]) == (201, ["KEY"])
    assert "secret-word" not in made.text


@pytest.mark.parametrize("folder", ["/etc", "../other", "a/../../.."])
async def test_a_blueprint_does_not_leave_its_folder(session: Session, folder: str) -> None:
    name, _ = repository({"soundstage.yaml": f"services: {{api: {{run: serve, working_dir: '{folder}'}}}}"})

    answer = await session.imports(repository=name)

    assert told(answer) == (422, "bad_service")
    assert await session.names() == []
    assert not (session.folder / name.partition("/")[2]).exists()


async def test_what_is_not_recognized_needs_a_command(session: Session) -> None:
    name, _ = repository({"main.c": "int main() {}"})

    refused = await session.imports(repository=name)
    made = await session.imports(repository=name, run="make run", name="program")

    assert told(refused) == (422, "not_recognized")
    assert "`run`" in refused.json()["error"]["message"]
    assert made.json()[0]["definition"]["run"] == "make run"


async def test_a_folder_that_is_taken_is_left_alone(session: Session, tmp_path: Path) -> None:
    name, _ = repository({"Procfile": "web: x"})
    (session.folder / "mine").mkdir()
    (session.folder / "mine/file").write_text("mine")
    (session.folder / "link").symlink_to(tmp_path)

    answers = [await session.imports(repository=name, directory=place) for place in ("mine", "link", "link/below")]

    assert [told(answer) for answer in answers] == [(409, "folder_taken")] * 3
    assert (session.folder / "mine/file").read_text() == "mine"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["/abs", "../out", "a/../../b", ".git/hooks", "."])
async def test_a_folder_outside_of_the_working_copy_is_refused(session: Session, place: str) -> None:
    name, _ = repository({"Procfile": "web: x"})

    answer = await session.imports(repository=name, directory=place)

    assert told(answer) == (422, "bad_path")


async def test_a_name_that_is_taken_imports_nothing(session: Session) -> None:
    name, _ = repository({"Procfile": "web: x"})
    await session.imports(repository=name)

    again = await session.imports(repository=name, directory="again")

    assert told(again) == (409, "service_name_taken")
    assert not (session.folder / "again").exists()


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"repository": f"{OWNER}/nothing"}, 404, "not_found"),
        ({"repository": "no-slash"}, 404, "not_found"),
        ({"repository": "../../etc"}, 404, "not_found"),
    ],
)
async def test_what_the_host_has_not_is_told(session: Session, given: dict[str, str], status: int, code: str) -> None:
    answer = await session.imports(**given)

    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("ref", "status", "code"),
    [
        ("nowhere", 404, "revision_not_found"),
        ("--upload-pack=x", 422, "bad_branch_name"),
        ("a:b", 422, "bad_branch_name"),
        ("0" * 40, 404, "revision_not_found"),
    ],
)
async def test_a_ref_that_is_not_there_is_told(session: Session, ref: str, status: int, code: str) -> None:
    name, _ = repository({"Procfile": "web: x"})

    answer = await session.imports(repository=name, ref=ref)

    assert answer.status_code == status, answer.text
    assert not (session.folder / name.partition("/")[2]).exists()


async def test_a_commit_can_be_chosen(session: Session) -> None:
    name, commit = repository({"Procfile": "web: x"})

    answer = await session.imports(repository=name, ref=commit)

    assert answer.json()[0]["origin"].endswith(commit)


async def test_a_host_that_is_not_connected_is_told(shared: Served) -> None:
    client = await shared.newcomer()
    made = await PREPARATIONS["work_session"](client)
    path = f"/api/v1/workspace/{made['work_session']}/services/import-github"

    answer = await client.post(path, json={"repository": f"{OWNER}/x"})

    assert answer.status_code == 404
    assert "connected" in answer.json()["error"]["message"]


async def test_a_repository_that_is_too_large_is_refused(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _ = repository({"Procfile": "web: x", "large": "x" * 3_000_000, "other": "y"})

    answers = []
    for limits in (CloneLimits(bytes=1_000_000), CloneLimits(files=2), CloneLimits(bytes=1_000)):
        monkeypatch.setattr(cloning, "CloneLimits", lambda limits=limits: limits)
        answers.append(await session.imports(repository=name))

    assert [told(answer) for answer in answers] == [(422, "repository_too_large")] * 3
    folders = session.folder.parent.parent.parent

    async def nothing_left() -> bool:
        return not any(each.name.startswith("imp_") for each in folders.iterdir())

    await until(nothing_left)


async def test_links_of_a_repository_are_not_followed(session: Session, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("web: secret")
    name, _ = repository({"readme": "x"}, Procfile=str(tmp_path / "secret"))

    answer = await session.imports(repository=name)

    assert told(answer) == (422, "not_recognized")


async def test_an_image_has_the_ports_and_variables_that_it_was_built_with(session: Session) -> None:
    answer = await session.imports("dockerhub", image="postgres", tag="18")

    assert answer.status_code == 201, answer.text
    [made] = answer.json()
    definition = made["definition"]
    assert (made["name"], definition["image"]) == ("postgres", "postgres:18")
    assert [(port["port"], port["protocol"]) for port in definition["ports"]] == [(5432, "tcp"), (8080, "http")]
    assert definition["env"] == {"PG_MAJOR": "18", "LANG": "en_US.utf8"}
    assert definition["description"] == "Runs docker-entrypoint.sh postgres"
    assert made["origin"] == "dockerhub:postgres:18@sha256:cc"
    asked = [headers for path, headers in code_hosts().asked if path == "/registry/elsewhere"]
    assert asked
    assert "authorization" not in asked[-1], "the registry's token goes nowhere else"


async def test_an_image_is_defined_without_its_registry(serve: Any) -> None:
    served = await serve(docker_registry_url="http://127.0.0.1:1")
    made = await PREPARATIONS["work_session"](served)
    path = f"/api/v1/workspace/{made['work_session']}/services/import-dockerhub"

    answer = await served.post(path, json={"image": "postgres", "tag": "18", "name": "db"})

    assert (answer.status_code, answer.json()[0]["name"]) == (201, "db")
    assert answer.json()[0]["definition"]["ports"] == []


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"image": "postgres", "tag": "none"}, 404),
        ({"image": "nobody/nothing"}, 404),
        ({"image": "a/b/c"}, 404),
        ({"image": "postgres", "tag": "../18"}, 422),
        ({"image": "Post gres"}, 422),
        ({"image": "../v2"}, 422),
    ],
)
async def test_an_image_that_is_not_there_is_told(session: Session, given: dict[str, str], status: int) -> None:
    answer = await session.imports("dockerhub", **given)

    assert answer.status_code == status, answer.text
