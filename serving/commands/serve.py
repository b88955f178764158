"""``qai-sre serve``: the control plane, until it is told to stop."""

from __future__ import annotations

import logging

import click

log = logging.getLogger(__name__)
_SHORT = 16


@click.command("serve")
@click.option("--host", help="Address to listen on; default: QAI_HOST, else 127.0.0.1.")
@click.option("--port", type=int, help="Port to listen on, 0 for a free one; default: QAI_PORT, else 8322.")
def command(host: str | None, port: int | None) -> None:
    """Start webhooks, the JSON API, Nexus and the durable flow; everything is configured by QAI_* variables."""
    from data.settings import load_settings
    from serving.app import create_app
    from serving.auth import issue_login_link
    from serving.bootstrap import running
    from serving.server import listen, serve_until_stopped, url_of

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = load_settings()
    if settings.webhook_secret is None and not settings.relay_keys:
        log.warning("every webhook will be refused: set QAI_WEBHOOK_SECRET, or QAI_RELAY_KEYS for relays")
    for name in ("webhook_secret", "webhook_secret_previous", "api_token"):
        secret = getattr(settings, name)
        if secret is not None and len(secret.get_secret_value()) < _SHORT:
            log.warning("QAI_%s is short enough to be guessed: use one from `openssl rand -hex 32`", name.upper())
    server = listen(host or settings.host, settings.port if port is None else port)
    with running(settings) as services:
        url = settings.public_url or url_of(server)
        click.echo(f"Nexus: {url}")
        click.echo(f"Sign in (once, within a quarter of an hour): {issue_login_link(settings, url)}")
        serve_until_stopped(create_app(services), server)
