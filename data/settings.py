"""One Settings object, read from the environment (``QAI_*``) and an optional ``.env`` file.

No secret appears in any repr: secrets are ``SecretStr``. Empty means "not configured", and what is not
configured refuses rather than accepts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from data.errors import ConfigError


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


Secret = Annotated[SecretStr | None, BeforeValidator(_blank_is_none)]


class Settings(BaseSettings):
    """Everything an operator can set. Every field is also an environment variable: ``QAI_`` plus its name."""

    model_config = SettingsConfigDict(env_prefix="QAI_", env_file=".env", extra="ignore", frozen=True)

    state_dir: Path = Field(default=Path(".qai"), description="Where the databases, keys and snapshots live.")
    database_url: str | None = Field(default=None, description="SQLAlchemy URL; default is SQLite in state_dir.")

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8322, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    public_url: str | None = Field(default=None, description="URL people reach Nexus at, for links.")

    webhook_secret: Secret = Field(default=None, description="Shared secret that webhook senders put in a header.")
    webhook_secret_previous: Secret = Field(default=None, description="The one before, still accepted in rotation.")
    relay_keys: dict[str, SecretStr] = Field(
        default_factory=dict, description='Relay signing keys as JSON: {"key id": "secret"}.'
    )
    webhook_body_limit_bytes: int = Field(default=1_048_576, ge=1024, description="Larger payloads are refused.")
    webhook_backlog_limit: int = Field(default=1000, ge=1, description="Unhandled alerts after which we answer 503.")
    webhook_window_s: float = Field(default=300.0, gt=0, description="How far a relay's clock may be off.")

    api_token: Secret = Field(default=None, description="Bearer token for scripts that use the JSON API.")
    session_hours: float = Field(default=12.0, gt=0, description="How long a Nexus login lasts.")

    bundle: Path | None = Field(default=None, description="A recorded incident to read telemetry from.")
    bundle_replay: bool = Field(default=False, description="Move the recording in time onto the incoming alert.")
    source_deadline_s: float = Field(default=10.0, gt=0, description="How long one source may take to answer.")
    lookback_minutes: float = Field(default=120.0, gt=0, description="How much telemetry before the alert to read.")

    repository: Path | None = Field(default=None, description="Local git repository that pull requests are made in.")
    base_branch: str = Field(default="main", description="Branch that pull requests are made against.")
    policy: Path | None = Field(default=None, description="Policy file; default is the one shipped with the package.")
    kubernetes_namespace: str | None = Field(default=None, description="Namespace whose Deployments may be acted on.")
    kubernetes_context: str | None = Field(default=None, description="The kubeconfig's context; default is its own.")
    verify_s: float = Field(default=10.0, gt=0, description="Look whether what was done helped this often.")
    verify_minutes: float = Field(default=15.0, gt=0, description="After how long without recovery it is undone.")
    approval_days: float = Field(default=7.0, gt=0, description="How long a pull request waits for a person.")

    prices: Path | None = Field(default=None, description="YAML file of what capacity costs, for `qai-sre optimize`.")
    optimize_cron: str | None = Field(default=None, description="When to look for what could be better: `0 6 * * 1`.")
    optimize_history_days: float = Field(default=14.0, gt=0, description="How much of the past it is told from.")

    lab: Path | None = Field(default=None, description="Folder of a lab to handle incidents of, environment `lab`.")
    watch_s: float | None = Field(default=None, gt=0, description="Look at the lab for trouble this often.")
    objective: float = Field(default=0.999, gt=0, lt=1, description="The share of requests that has to succeed.")
    predict_cron: str | None = Field(default=None, description="When to look ahead: `*/5 * * * *`.")
    predict_limits: Path | None = Field(default=None, description="YAML file of limits to look ahead for.")
    predict_horizon_minutes: float = Field(default=120.0, gt=0, description="How far to look ahead by default.")
    predict_history_hours: float = Field(default=48.0, gt=0, description="How much of the past to look ahead from.")
    certificates: str = Field(default="", description="TLS servers to look at when looking ahead: `HOST:PORT,...`.")
    certificate_days: float = Field(default=21.0, gt=0, description="Tell of certificates that end within this time.")

    gemini_api_key: Secret = Field(
        default=None,
        validation_alias=AliasChoices("gemini_api_key", "QAI_GEMINI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"),
        description="Lets Gemini draft fixes; GEMINI_API_KEY is read, too.",
    )
    gemini_base_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("gemini_base_url", "QAI_GEMINI_BASE_URL", "GOOGLE_GEMINI_BASE_URL"),
        description="A server that speaks Gemini's API; GOOGLE_GEMINI_BASE_URL is read, too.",
    )
    gemini_model: str = Field(default="gemini-flash-latest", description="Which Gemini drafts.")
    openai_api_key: Secret = Field(
        default=None,
        validation_alias=AliasChoices("openai_api_key", "QAI_OPENAI_API_KEY", "OPENAI_API_KEY"),
        description="Lets OpenAI draft fixes where Gemini does not; OPENAI_API_KEY is read, too.",
    )
    openai_base_url: str | None = Field(
        default=None,
        validation_alias=AliasChoices("openai_base_url", "QAI_OPENAI_BASE_URL", "OPENAI_BASE_URL"),
        description="A server that speaks OpenAI's API, such as a local model; OPENAI_BASE_URL is read, too.",
    )
    openai_model: str = Field(default="gpt-5-mini", description="Which OpenAI (or local) model drafts.")
    llm_timeout_s: float = Field(default=60.0, gt=0, description="How long a language model may take to answer.")
    llm_tokens: int = Field(default=12_000, ge=1000, description="How much a language model is shown at most.")
    runbooks: Path | None = Field(default=None, description="Folder of runbooks that a language model is shown of.")
    llm_prices: dict[str, tuple[float, float]] = Field(
        default_factory=dict,
        description='US dollars for a million tokens asked and answered, by model, as JSON: {"model": [0.1, 0.4]}.',
    )

    causal_s: float | None = Field(default=None, gt=0, description="Seconds for causal attribution of an incident.")
    scoring_url: str | None = Field(default=None, description="Where a scoring service answers; default is in process.")
    scoring_token: Secret = Field(default=None, description="Bearer token that the scoring service wants and is sent.")
    scoring_limit_bytes: int = Field(default=67_108_864, ge=1024, description="Larger scoring requests are refused.")

    retrain_cron: str | None = Field(default=None, description="When to look whether to retrain: `0 3 * * *`.")
    retrain_after: int = Field(default=20, ge=1, description="So many newly labelled incidents are reason to retrain.")
    retrain_made: int = Field(default=200, ge=20, description="Made incidents to learn beside labels, and to judge by.")
    retrain_prepared: Path | None = Field(default=None, description="Prepared incidents that nothing may fall on.")
    retrain_shadow: int = Field(default=20, ge=0, description="Live incidents a challenger answers unheard; 0: none.")
    retrain_shadow_days: float = Field(default=7.0, gt=0, description="How long it waits for so many.")
    mlflow_uri: str | None = Field(default=None, description="MLflow tracking URI; default is SQLite in state_dir.")
    mlflow_artifacts: str | None = Field(
        default=None, description="Where MLflow keeps files, for instance s3://BUCKET."
    )

    executor_id: str = Field(default="local", description="Stable name of this replica, for durable execution.")

    @field_validator("relay_keys")
    @classmethod
    def _relay_keys_are_not_blank(cls, keys: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for key_id, secret in keys.items():
            if not key_id or not secret.get_secret_value():
                raise ValueError("a relay key needs a non-empty id and a non-empty secret")
        return keys

    @property
    def store_url(self) -> str:
        return self.database_url or f"sqlite:///{self.state_dir / 'qai.sqlite'}"

    @property
    def workflow_url(self) -> str:
        """Where durable execution keeps its state: the same PostgreSQL, or a SQLite file of its own."""
        return self.database_url or f"sqlite:///{self.state_dir / 'workflows.sqlite'}"


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment, with ``overrides`` on top.

    Raises:
        ConfigError: naming the variable at fault.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except SettingsError as error:
        raise ConfigError(f"a setting is not valid JSON: {error}") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigError(f"QAI_{name}: {first['msg']}") from error
