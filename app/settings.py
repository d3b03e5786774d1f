"""Every setting of the server: from the environment (`SOUNDSTAGE_…`), overridden by the command line."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.billing.kinds import ProviderKind
from app.engines.base import Isolation


class Settings(BaseSettings):
    """How a server runs."""

    model_config = SettingsConfigDict(env_prefix="SOUNDSTAGE_", extra="ignore")

    data_dir: Path = Field(default=Path(".soundstage"), description="Where everything is kept; made when missing.")
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="The port to listen on; 0 for any free one.")
    database_url: str = Field(
        default="", description="`postgresql://user@host/name`; empty for SQLite in the data directory."
    )
    production: bool = Field(default=False, description="Turns introspection, GraphiQL and the API viewer off.")
    isolation: Isolation | None = Field(
        default=None,
        description="The isolation of environments that demand none: `namespace`, `landlock` or `plain`; "
        "the strongest that the machine offers by default.",
    )
    allowed_origins: list[str] = Field(
        default_factory=list, description="Origins of web frontends that may call from a browser, as a JSON list."
    )
    anonymous_per_minute: int = Field(
        default=300,
        ge=0,
        description="Requests that one client address may make in a minute without a valid credential; 0 for any "
        "number, where a proxy in front hides the addresses.",
    )
    trusted_documents: bool = Field(
        default=False,
        description="Runs the documents that come with the server alone, which clients name by their ids: "
        "/documents.json. REST and the command line go on working.",
    )
    explain_validation: bool = Field(
        default=False,
        description="Tells in production, too, why a GraphQL document does not fit the schema, which tells its names.",
    )
    body_limit: int = Field(default=4 * 1024 * 1024, gt=0, description="The largest request body, in bytes.")
    push_limit: int = Field(
        default=1024 * 1024 * 1024, gt=0, description="The largest push to a workspace's repository, in bytes."
    )
    upload_limit: int = Field(
        default=1024 * 1024 * 1024, gt=0, description="The largest upload to a session's working copy, in bytes."
    )
    log_level: str = Field(default="info", description="`debug`, `info`, `warning` or `error`.")
    issuer: str = Field(
        default="",
        description="The address that others reach this server at, which its tokens name as their issuer; "
        "`http://` and the host and port that it listens on by default.",
    )
    allow_private_providers: bool = Field(
        default=False,
        description="Lets federated and identity providers be at private and loopback addresses.",
    )
    allow_private_webhooks: bool = Field(
        default=False,
        description="Lets webhooks and the HTTP calls of automations go to private and loopback addresses.",
    )
    allow_private_code_hosts: bool = Field(
        default=False,
        description="Lets connections to GitHub, GitLab and Bitbucket be to servers at private and loopback addresses.",
    )
    github_url: str = Field(
        default="https://api.github.com", description="Where GitHub's API is, for connections that do not say."
    )
    gitlab_url: str = Field(
        default="https://gitlab.com/api/v4", description="Where GitLab's API is, for connections that do not say."
    )
    bitbucket_url: str = Field(
        default="https://api.bitbucket.org/2.0",
        description="Where Bitbucket's API is, for connections that do not say.",
    )
    dockerhub_url: str = Field(default="https://hub.docker.com", description="Where Docker Hub's API is.")
    docker_registry_url: str = Field(
        default="https://registry-1.docker.io", description="Where the registry of Docker Hub's images is."
    )
    allow_private_models: bool = Field(
        default=False, description="Lets the endpoints of language models be at private and loopback addresses."
    )
    allow_private_databases: bool = Field(
        default=False,
        description="Lets the databases of sessions be at private and loopback addresses, beyond the ports of the "
        "session's own services.",
    )
    billing_provider: ProviderKind = Field(
        default=ProviderKind.DEVELOPMENT,
        description="Who sells plans: `stripe`, or `development`, where payments are simulated and cost nothing.",
    )
    stripe_secret_key: SecretStr = Field(
        default=SecretStr(""), description="Stripe's secret API key, to make checkout sessions with."
    )
    stripe_webhook_secret: SecretStr = Field(
        default=SecretStr(""), description="The signing secret of the webhook endpoint at Stripe."
    )
    stripe_base_url: str = Field(default="https://api.stripe.com", description="Where Stripe's API is.")
    stripe_prices: dict[str, str] = Field(
        default_factory=dict, description='Stripe\'s price of each plan, as JSON: `{"pro": "price_…"}`.'
    )
    terminals_per_organization: int = Field(
        default=100, ge=1, le=1_000, description="Terminals that an organization may have open at once."
    )
    terminal_idle_seconds: int = Field(
        default=4 * 3600,
        ge=0,
        description="Seconds without input and output after which a terminal is closed; 0 for never.",
    )
    language_servers_per_organization: int = Field(
        default=10, ge=1, le=200, description="Language servers that an organization may have running at once."
    )
    language_server_idle_seconds: int = Field(
        default=600, ge=1, description="Seconds after which a language server is stopped that nobody uses."
    )
    terminal_recording_days: int = Field(
        default=90,
        ge=0,
        description="Days that the recording of a terminal is kept after its last output; 0 for ever.",
    )
    otlp_endpoint: str = Field(
        default="",
        description="An OpenTelemetry collector (OTLP over HTTP) to send spans to; needs the extra `tracing`.",
    )

    @property
    def own_issuer(self) -> str:
        """What our tokens name as their issuer and audience."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.issuer.rstrip("/") or f"http://{host}:{self.port}"

    @property
    def sqlite_path(self) -> Path:
        """The SQLite file."""
        return self.data_dir / "soundstage.db"
