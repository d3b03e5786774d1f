"""GitHub, GitLab, Bitbucket and Docker Hub on this machine, with the real ones' JSON, paging and errors."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.support import published

GOOD, SPENT, NARROW, DOWN = "good-token", "spent-token", "narrow-token", "down-token"
COUNT = 5
Answer = tuple[int, dict[str, str], Any]


class CodeHosts:
    """The addresses of the four, and what was asked."""

    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.github = f"{self.address}/github"
        self.gitlab = f"{self.address}/gitlab/api/v4"
        self.bitbucket = f"{self.address}/bitbucket/2.0"
        self.dockerhub = f"{self.address}/dockerhub"
        self.registry = f"{self.address}/registry"
        #: Path and headers of each request.
        self.asked: list[tuple[str, dict[str, str]]] = []


@cache
def code_hosts() -> CodeHosts:
    """Started when they are first asked for; they end with the process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    made = _Handler.hosts = CodeHosts(server.server_address[1])
    Thread(target=server.serve_forever, name="code hosts", daemon=True).start()
    return made


class _Handler(BaseHTTPRequestHandler):
    hosts: CodeHosts

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.hosts.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        name, _, rest = parts.path.lstrip("/").partition("/")
        if name == "git":
            return published.serve_git(self)
        answer: Callable[..., Answer] = {
            "github": _github,
            "gitlab": _gitlab,
            "bitbucket": _bitbucket,
            "dockerhub": _dockerhub,
            "registry": _registry,
        }[name]
        status, headers, body = answer(self.hosts, f"/{rest}", dict(parse_qsl(parts.query)), self.headers)
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for key, value in {"Content-Type": "application/json", "Content-Length": str(len(sent)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(sent)
        return None

    def do_POST(self) -> None:
        published.serve_git(self)

    def log_message(self, *_: object) -> None:
        pass


def _token(headers: Any) -> str:
    given = headers.get("Authorization", "")
    if given.startswith("Basic "):
        return base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")[2]
    return given.removeprefix("Bearer ") or headers.get("PRIVATE-TOKEN", "")


def _page(query: dict[str, str], size: str, everything: list[Any]) -> tuple[list[Any], int | None]:
    page, count = int(query.get("page", "1")), int(query.get(size, "30"))
    begin = (page - 1) * count
    return everything[begin : begin + count], page + 1 if begin + count < len(everything) else None


# GitHub.


def _github(hosts: CodeHosts, path: str, query: dict[str, str], headers: Any) -> Answer:
    token = _token(headers)
    limits = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999"}
    if token == SPENT:
        reset = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 120)}
        return 403, reset, {"message": "API rate limit exceeded for user ID 1.", "documentation_url": "https://…"}
    if token == NARROW:
        return 403, limits, {"message": "Resource not accessible by personal access token", "status": "403"}
    if token == DOWN:
        return 502, {}, b"<html>Unicorn!</html>"
    if token != GOOD:
        return 401, limits, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"}
    if path == "/user":
        return 200, limits, {"login": "octocat", "id": 1, "type": "User", "name": "monalisa octocat"}
    if path == "/user/repos":
        items, following = _page(query, "per_page", [_github_repository(number) for number in range(1, COUNT + 1)])
        more = f'<{hosts.github}/user/repos?per_page={query["per_page"]}&sort=full_name&page={following}>; rel="next"'
        return (
            200,
            limits | ({"Link": f'{more}, <{hosts.github}/user/repos?page=9>; rel="last"'} if following else {}),
            items,
        )
    if path == "/repos/octocat/repo-1":
        return 200, limits, _github_repository(1)
    if published.is_published(name := path.removeprefix("/repos/")):
        clone_url = {"clone_url": _clone_url(hosts, name)}
        return 200, limits, _github_repository(1) | {"full_name": name, "name": _last(name)} | clone_url
    if path == "/repos/octocat/moved":
        return 301, {"Location": f"{hosts.github}/repos/octocat/repo-1"}, {"message": "Moved Permanently"}
    if path == "/repos/octocat/elsewhere":
        return 301, {"Location": "http://127.0.0.2:1/repos/octocat/repo-1"}, {"message": "Moved Permanently"}
    return 404, limits, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}


def _github_repository(number: int) -> dict[str, Any]:
    name = f"repo-{number}"
    return {
        "id": number,
        "node_id": "R_1",
        "name": name,
        "full_name": f"octocat/{name}",
        "private": number % 2 == 0,
        "owner": {"login": "octocat", "id": 1},
        "html_url": f"https://github.com/octocat/{name}",
        "description": None if number == 2 else "This your first repo!",
        "fork": False,
        "clone_url": f"https://github.com/octocat/{name}.git",
        "ssh_url": f"git@github.com:octocat/{name}.git",
        "default_branch": "main",
        "visibility": "public",
        "pushed_at": "2011-01-26T19:06:43Z",
        "updated_at": "2011-01-26T19:14:43Z",
    }


# GitLab.


def _gitlab(hosts: CodeHosts, path: str, query: dict[str, str], headers: Any) -> Answer:
    token, path = _token(headers), path.removeprefix("/api/v4")
    if token == SPENT:
        return 429, {"Retry-After": "30", "RateLimit-Remaining": "0"}, b"Retry later\n"
    if token == NARROW:
        return 403, {}, {"error": "insufficient_scope", "error_description": "…", "scope": "api read_api"}
    if token == DOWN:
        return 503, {}, b"<html>503</html>"
    if token != GOOD:
        return 401, {}, {"message": "401 Unauthorized"}
    if path == "/user":
        return 200, {}, {"id": 1, "username": "john_smith", "name": "John Smith", "state": "active"}
    if path == "/projects":
        items, following = _page(query, "per_page", [_project(number) for number in range(1, COUNT + 1)])
        if not following:
            return 200, {"X-Next-Page": ""}, items
        if query.get("pagination") == "keyset":
            following_query = (
                f"membership=true&order_by=id&pagination=keyset&per_page={query['per_page']}&page={following}"
            )
            return 200, {"Link": f'<{hosts.gitlab}/projects?{following_query}>; rel="next"'}, items
        return 200, {"X-Next-Page": str(following), "X-Page": query.get("page", "1"), "X-Total": str(COUNT)}, items
    if unquote(path) == "/projects/diaspora/deep/project-1" and "%2F" in path:
        return 200, {}, _project(1)
    name = unquote(path.removeprefix("/projects/"))
    if published.is_published(name):
        known = {"path": _last(name), "path_with_namespace": name, "http_url_to_repo": _clone_url(hosts, name)}
        return 200, {}, _project(1) | known
    return 404, {}, {"message": "404 Project Not Found"}


def _project(number: int) -> dict[str, Any]:
    name = f"project-{number}"
    return {
        "id": number,
        "description": "",
        "name": f"Project {number}",
        "name_with_namespace": f"Diaspora / Deep / Project {number}",
        "path": name,
        "path_with_namespace": f"diaspora/deep/{name}",
        "created_at": "2013-09-30T13:46:02Z",
        "default_branch": None if number == 2 else "main",
        "ssh_url_to_repo": f"git@gitlab.example.com:diaspora/deep/{name}.git",
        "http_url_to_repo": f"https://gitlab.example.com/diaspora/deep/{name}.git",
        "web_url": f"https://gitlab.example.com/diaspora/deep/{name}",
        "visibility": "private" if number % 2 == 0 else "public",
        "last_activity_at": "2013-09-30T13:46:02.000Z",
        "namespace": {"id": 3, "full_path": "diaspora/deep", "kind": "group"},
    }


# Bitbucket.

_ERROR = {"type": "error", "error": {"message": "Token is invalid, expired, or not supported for this endpoint."}}


def _bitbucket(hosts: CodeHosts, path: str, query: dict[str, str], headers: Any) -> Answer:
    token, path = _token(headers), path.removeprefix("/2.0")
    if token == SPENT:
        return 429, {}, {"type": "error", "error": {"message": "Rate limit for this resource has been exceeded"}}
    if token == NARROW:
        return (
            403,
            {},
            {"type": "error", "error": {"message": "Your credentials lack one or more required privilege scopes."}},
        )
    if token == DOWN:
        return 500, {}, b""
    if token != GOOD:
        return 401, {}, _ERROR
    if path == "/user":
        return 200, {}, {"type": "user", "uuid": "{1}", "nickname": "evzijst", "display_name": "Erik van Zijst"}
    if path == "/user/workspaces":
        spaces = [
            {"type": "workspace_access", "administrator": True, "workspace": _space(slug)} for slug in ("tools", "web")
        ]
        return 200, {}, {"pagelen": 100, "page": 1, "size": 2, "values": spaces}
    if path in ("/repositories/tools", "/repositories/web"):
        space = path.rpartition("/")[2]
        numbers = range(1, 4) if space == "tools" else range(4, COUNT + 1)
        items, following = _page(query, "pagelen", [_bitbucket_repository(space, number) for number in numbers])
        body: dict[str, Any] = {"pagelen": 10, "values": items, "page": 1}
        if following:
            body["next"] = f"{hosts.bitbucket}{path}?pagelen={query['pagelen']}&page={following}"
        return 200, {}, body
    if path == "/repositories/tools/repo-1":
        return 200, {}, _bitbucket_repository("tools", 1)
    name = path.removeprefix("/repositories/")
    if published.is_published(name):
        links = {"clone": [{"name": "https", "href": _clone_url(hosts, name)}]}
        found = _bitbucket_repository("published", 1) | {"full_name": name, "slug": _last(name), "links": links}
        return 200, {}, found
    return 404, {}, {"type": "error", "error": {"message": "Repository not found"}}


def _space(slug: str) -> dict[str, Any]:
    return {"type": "workspace_base", "uuid": "{2}", "slug": slug}


def _bitbucket_repository(space: str, number: int) -> dict[str, Any]:
    name = f"repo-{number}"
    return {
        "type": "repository",
        "uuid": "{3}",
        "full_name": f"{space}/{name}",
        "name": f"Repo {number}",
        "slug": name,
        "is_private": number % 2 == 0,
        "description": "",
        "scm": "git",
        "mainbranch": None if number == 2 else {"type": "branch", "name": "main"},
        "updated_on": "2025-08-01T10:20:30.123456+00:00",
        "links": {
            "html": {"href": f"https://bitbucket.org/{space}/{name}"},
            "clone": [
                {"name": "https", "href": f"https://evzijst@bitbucket.org/{space}/{name}.git"},
                {"name": "ssh", "href": f"git@bitbucket.org:{space}/{name}.git"},
            ],
        },
    }


def _clone_url(hosts: CodeHosts, full_name: str) -> str:
    return f"{hosts.address}/git/{_last(full_name)}.git"


def _last(full_name: str) -> str:
    return full_name.rpartition("/")[2]


def _registry(hosts: CodeHosts, path: str, query: dict[str, str], headers: Any) -> Answer:
    return published.registry(hosts.address, path, headers)


# Docker Hub.


def _dockerhub(hosts: CodeHosts, path: str, query: dict[str, str], headers: Any) -> Answer:
    if path == "/v2/search/repositories/":
        found = {
            "repo_name": "postgres",
            "short_description": "The PostgreSQL object-relational database system",
            "star_count": 14000,
            "pull_count": 10_000_000_000,
            "repo_owner": "",
            "is_automated": False,
            "is_official": True,
        }
        return 200, {}, {"count": 1, "next": None, "previous": None, "results": [found] if query["query"] else []}
    if path == "/v2/repositories/library/postgres/tags":
        return (
            200,
            {},
            {"count": 9, "next": f"{hosts.dockerhub}{path}?page=2", "previous": None, "results": [_image_tag()]},
        )
    if path == "/v2/repositories/library/postgres/tags/18":
        return 200, {}, _image_tag()
    if path.startswith("/v2/repositories/library/spent"):
        return 429, {"X-Retry-After": "5", "Retry-After": "5"}, {"detail": "Rate limit exceeded"}
    return 404, {}, {"message": "object not found", "errinfo": {}}


def _image_tag() -> dict[str, Any]:
    image = {"architecture": "amd64", "os": "linux", "variant": None, "size": 150_000_000, "digest": "sha256:aa"}
    attestation = {"architecture": "unknown", "os": "unknown", "size": 1, "digest": "sha256:bb"}
    return {
        "creator": 1,
        "id": 1,
        "name": "18",
        "last_updated": "2026-02-01T00:00:00.123456Z",
        "full_size": 150_000_000,
        "digest": "sha256:cc",
        "images": [image, {**image, "architecture": "arm64"}, attestation],
        "tag_status": "active",
    }
