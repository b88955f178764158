"""``qai-sre verify-audit``: walk the hash chain from its beginning."""

from __future__ import annotations

import click


@click.command("verify-audit")
def command() -> None:
    """Check that the audit log has not been rewritten; exits 1 naming the first entry that does not fit."""
    from data import audit
    from data.database import connect, migrate
    from data.settings import load_settings

    engine = connect(load_settings().store_url)
    migrate(engine)
    count = audit.verify(engine)
    click.echo(f"audit log intact: {count} {'entry' if count == 1 else 'entries'}")
