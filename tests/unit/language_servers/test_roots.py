"""Addresses under two roots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from app.language_servers.errors import OutsideRoot
from app.language_servers.roots import ClientRoot, Root, client_root
from tests.support.paths import TRAVERSALS

ROOT = Root(Path("/srv/my data/ses_1"))
CLIENT = client_root("file:///home/me/shop")
OURS, THEIRS = "file:///srv/my%20data/ses_1", "file:///home/me/shop"


def told(message: Any, client: ClientRoot = CLIENT) -> Any:
    return ROOT.told(client, json.dumps(message).encode())


def test_addresses_of_the_server_become_the_clients() -> None:
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "changes": {f"{OURS}/a.py": []},
            "text": "in /srv/my data/ses_1/a.py",
            "other": {"uri": f"{OURS}/b%20c.py"},
        },
    }

    assert told(message)["result"] == {
        "changes": {f"{THEIRS}/a.py": []},
        "text": "in /home/me/shop/a.py",
        "other": {"uri": f"{THEIRS}/b%20c.py"},
    }


def test_files_elsewhere_are_left_out() -> None:
    result = [
        {"uri": f"{OURS}/a.py", "range": 1},
        {"uri": "file:///usr/lib/os.py", "range": 2},
        {"targetUri": "file:///home/me/shop/not-the-servers.py"},
        {"name": "x", "location": {"uri": "file:///usr/lib/os.py"}},
        {"message": "m", "related": [{"location": {"uri": "file:///usr/lib/os.py"}}, {"location": {"uri": OURS}}]},
    ]

    answer = told({"jsonrpc": "2.0", "id": 1, "result": result})
    alone = told({"jsonrpc": "2.0", "id": 1, "result": {"uri": "file:///usr/lib/os.py"}})

    assert answer["result"][0] == {"uri": f"{THEIRS}/a.py", "range": 1}
    assert answer["result"][-1] == {"message": "m", "related": [{"location": {"uri": THEIRS}}]}
    assert "/usr/lib" not in json.dumps(answer)
    assert alone == {"jsonrpc": "2.0", "id": 1, "result": None}


def test_the_text_of_a_file_is_no_address() -> None:
    edit = {"range": 1, "newText": "file:///etc/passwd"}
    heard = {"textDocument": {"uri": f"{THEIRS}/a.py", "text": "file:///etc/passwd"}}

    assert told({"jsonrpc": "2.0", "id": 1, "result": [edit]})["result"] == [edit]
    assert ROOT.heard(CLIENT, heard) == {"textDocument": {"uri": f"{OURS}/a.py", "text": "file:///etc/passwd"}}


def test_what_the_server_made_up_comes_back_as_it_was() -> None:
    item = {"label": "x", "data": {"file": "/srv/my data/ses_1/a.py", "uri": f"{OURS}/a.py", "at": [1, "plain"]}}

    assert ROOT.heard(CLIENT, told({"jsonrpc": "2.0", "id": 1, "result": item})["result"]) == item


def test_edits_of_a_client_are_renamed_too() -> None:
    edit = {"changes": {f"{THEIRS}/a%20b.py": [{"newText": "x"}]}, "documentChanges": [{"oldUri": f"{THEIRS}/x"}]}

    assert ROOT.heard(CLIENT, edit) == {
        "changes": {f"{OURS}/a%20b.py": [{"newText": "x"}]},
        "documentChanges": [{"oldUri": f"{OURS}/x"}],
    }


@pytest.mark.parametrize("path", [path for path in TRAVERSALS if not path.startswith(("link", "./link"))])
def test_no_address_leads_out(path: str) -> None:
    for uri in (f"{THEIRS}/{path}", f"{THEIRS}/{quote(path, safe='')}"):
        for key in ("uri", "targetUri", "rootUri"):
            with pytest.raises(OutsideRoot):
                ROOT.heard(CLIENT, {key: uri})
        with pytest.raises(OutsideRoot):
            ROOT.heard(CLIENT, {"arguments": [{"x": uri}]})


@pytest.mark.parametrize(
    "uri", ["file:///etc/passwd", "file:///home/me/shop-2/x", "file:", "file:///home/me", "file://x"]
)
def test_other_files_cannot_be_named(uri: str) -> None:
    with pytest.raises(OutsideRoot):
        ROOT.heard(CLIENT, {"textDocument": {"uri": uri}})


@pytest.mark.parametrize(
    "uri",
    [
        "x",
        "/workspace",
        "file:///",
        "file://",
        "file:///a?b",
        "file:///a#b",
        "file:///a/../b",
        'file:///a"',
        "file:///ä",
    ],
)
def test_a_root_is_an_address_with_a_path(uri: str) -> None:
    with pytest.raises(OutsideRoot):
        client_root(uri)


@pytest.mark.parametrize("uri", ["file:///workspace/", "vscode-vfs://github/me/shop", "soundstage:/shop", None])
def test_any_scheme_may_be_the_clients(uri: str | None) -> None:
    root = client_root(uri)

    assert ROOT.heard(root, {"uri": f"{root.uri}/a"}) == {"uri": f"{OURS}/a"}
    assert told({"uri": f"{OURS}/a"}, root) == {"uri": f"{root.uri}/a"}
