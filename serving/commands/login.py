"""``qai-sre login``: a one-time link to Nexus."""

from __future__ import annotations

import click


@click.command("login")
@click.option("--name", default="local-admin", show_default=True, help="Who the link signs in; shown in the audit log.")
@click.option("--url", help="Where Nexus is reached; default: QAI_PUBLIC_URL, else this machine and QAI_PORT.")
def command(name: str, url: str | None) -> None:
    """Print a link that signs one person in, once, within a quarter of an hour.

    Run it where the server runs, with the same QAI_STATE_DIR: that is where the link's digest is kept.
    """
    from data.settings import load_settings
    from serving.auth import issue_login_link

    settings = load_settings()
    base = url or settings.public_url or f"http://{settings.host}:{settings.port}"
    click.echo(issue_login_link(settings, base, name))
