"""What a repository says of how it is run, in files as people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.blueprints.errors import BlueprintInvalid
from app.services import dockerfiles
from app.services.errors import NotRecognized
from app.services.recognizing import LARGEST_FILE, recognize, service_name


def files(root: Path, **contents: str) -> Path:
    """Files by name; `__` stands for a dot."""
    for name, content in contents.items():
        (root / name.replace("__", ".")).write_text(content)
    return root


def test_a_blueprint_goes_before_everything_else(tmp_path: Path) -> None:
    blueprint = "env: {A: all, B: all}\nservices:\n  api: {run: serve, env: {B: own}}\n  db: {run: db}\n"
    files(tmp_path, soundstage__yaml=blueprint, Procfile="web: other", package__json='{"scripts": {"start": "x"}}')

    found = recognize(tmp_path, "", "shop")

    assert (found.told_by, sorted(found.services)) == ("soundstage.yaml", ["api", "db"])
    assert found.services["api"]["env"] == {"A": "all", "B": "own"}


def test_a_blueprint_that_is_not_valid_is_told(tmp_path: Path) -> None:
    files(tmp_path, soundstage__yaml="services: {api: {}}", Procfile="web: other")

    with pytest.raises(BlueprintInvalid):
        recognize(tmp_path, "", "shop")


def test_the_processes_of_a_procfile(tmp_path: Path) -> None:
    files(tmp_path, Procfile="# ours\nrelease: ./migrate\nweb: gunicorn app:app --port $PORT\nBack_Ground: work: now\n")

    found = recognize(tmp_path, "", "shop").services

    assert found["web"] == {
        "run": "gunicorn app:app --port $PORT",
        "ports": ["http"],
        "depends_on": {"release": "completed"},
    }
    assert found["back-ground"]["run"] == "work: now"
    assert found["release"] == {"run": "./migrate", "completes": True}


@pytest.mark.parametrize(
    ("lock", "build", "run"),
    [
        ("package-lock.json", "npm ci", "npm run dev"),
        ("pnpm-lock.yaml", "pnpm install --frozen-lockfile", "pnpm run dev"),
        ("yarn.lock", "yarn install --frozen-lockfile", "yarn run dev"),
        ("other", "npm install", "npm run dev"),
    ],
)
def test_the_script_of_a_package(tmp_path: Path, lock: str, build: str, run: str) -> None:
    files(tmp_path, package__json='{"scripts": {"dev": "vite", "test": "x"}, "devDependencies": {"vite": "1"}}')
    files(tmp_path, **{lock.replace(".", "__"): ""})

    found = recognize(tmp_path, "", "shop").services

    assert found == {"shop": {"run": run, "ports": ["http"], "build": build}}


def test_start_goes_before_dev_and_without_packages_nothing_is_built(tmp_path: Path) -> None:
    files(tmp_path, package__json='{"scripts": {"dev": "vite", "start": "node ."}}')

    assert recognize(tmp_path, "", "shop").services == {"shop": {"run": "npm run start", "ports": ["http"]}}


@pytest.mark.parametrize(
    ("project", "command"),
    [
        ('[project]\nname = "shop"\n[project.scripts]\nserve = "shop:main"', "serve"),
        ('[project]\nname = "shop"\n[project.scripts]\nshop = "shop:main"\nother = "shop:other"', "shop"),
        ('[project]\nname = "shop"\n[project.scripts]\none = "a:b"\ntwo = "a:b"', None),
        ('[project]\nname = "shop"\n[project.scripts]\n"a; rm -rf /" = "a:b"', None),
        ("[project", None),
        ("", None),
    ],
)
def test_the_command_of_a_project(tmp_path: Path, project: str, command: str | None) -> None:
    files(tmp_path, pyproject__toml=project)

    if command is None:
        with pytest.raises(NotRecognized):
            recognize(tmp_path, "", "shop")
    else:
        assert recognize(tmp_path, "", "shop").services["shop"]["run"] == f"exec .venv/bin/{command}"


@pytest.mark.parametrize(
    ("text", "definition"),
    [
        ('FROM python\nCMD ["python", "app.py"]', {"run": ["python", "app.py"]}),
        ("FROM python\nCMD python app.py", {"run": "python app.py"}),
        ('FROM a\nENTRYPOINT ["python"]\nCMD ["app.py"]', {"run": ["python", "app.py"]}),
        ('FROM a\nENTRYPOINT python app.py\nCMD ["x"]', {"run": "python app.py"}),
        ('FROM a\nCMD ["first"]\nCMD ["node", \\\n  "last.js"]', {"run": ["node", "last.js"]}),
        ("FROM a AS build\nCMD make\nFROM b\nRUN x", None),
        ('FROM a\nCMD ["/app/server"]', None),
        ('FROM a\nCMD ["/usr/bin/env", "node"]', {"run": ["/usr/bin/env", "node"]}),
        ("FROM a\n# CMD x\nRUN y", None),
        ("", None),
        (
            'FROM a\nENV A=1 B="two words" PATH=/x\nENV C three\nENV D=$A\nEXPOSE 8080 53/udp 80/tcp 99999\nCMD serve',
            {"run": "serve", "env": {"A": "1", "B": "two words", "C": "three"}, "ports": [8080, 80]},
        ),
    ],
)
def test_what_a_dockerfile_starts(text: str, definition: dict[str, Any] | None) -> None:
    assert dockerfiles.read(text) == definition


def test_a_subfolder_says_how_it_is_run(tmp_path: Path) -> None:
    (tmp_path / "apps/web").mkdir(parents=True)
    files(tmp_path, Procfile="web: root")
    files(tmp_path / "apps/web", Procfile="web: sub")

    assert recognize(tmp_path, "apps/web", "web").services["web"]["run"] == "sub"
    with pytest.raises(NotRecognized, match="no folder"):
        recognize(tmp_path, "apps/other", "web")


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside, repository = tmp_path / "outside", tmp_path / "repository"
    for folder in (outside, repository):
        folder.mkdir()
    files(outside, Procfile="web: secret", secret="services: secret")
    (repository / "Procfile").symlink_to(outside / "Procfile")
    (repository / "soundstage.yaml").symlink_to(outside / "secret")
    (repository / "folder").symlink_to(outside)

    with pytest.raises(NotRecognized):
        recognize(repository, "", "shop")
    with pytest.raises(NotRecognized, match="no folder"):
        recognize(repository, "folder", "shop")


def test_what_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_bytes(b"\xff\xfe")
    (tmp_path / "package.json").mkdir()
    (tmp_path / "Dockerfile").write_text("#" * (LARGEST_FILE + 1) + "\nCMD x")

    with pytest.raises(NotRecognized):
        recognize(tmp_path, "", "shop")


@pytest.mark.parametrize(
    ("text", "name"),
    [("Shop", "shop"), ("my_Shop.js", "my-shop-js"), ("7up", "service-7up"), ("a" * 60, "a" * 40), ("---", "service")],
)
def test_a_name_becomes_one_that_a_service_can_have(text: str, name: str) -> None:
    assert service_name(text) == name
