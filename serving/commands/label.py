"""``qai-sre label``: say afterwards what caused an incident."""

from __future__ import annotations

import click


@click.command("label")
@click.argument("incident", metavar="INCIDENT")
@click.option("--service", "services", multiple=True, metavar="NAME", help="What caused it; any of several is right.")
@click.option("--change", "changes", multiple=True, metavar="ID", help="The change that did it.")
@click.option("--no-change", is_flag=True, help="No change did it.")
@click.option("--nothing-wrong", is_flag=True, help="It was a false alarm.")
@click.option("--unseen", is_flag=True, help="The service is none of those that were seen.")
@click.option("--fault", default="", help="The kind of fault in a word or two, such as 'memory leak'.")
@click.option("--comment", default="", help="For whoever reads it later.")
def command(
    incident: str,
    services: tuple[str, ...],
    changes: tuple[str, ...],
    no_change: bool,
    nothing_wrong: bool,
    unseen: bool,
    fault: str,
    comment: str,
) -> None:
    """Label INCIDENT with its true cause. `qai-sre retrain` learns from it; the newest label stands."""
    from data.database import connect, migrate
    from data.errors import InputError
    from data.labels import Label
    from data.settings import load_settings
    from data.store import Store
    from pipelines.casefile import CaseFiles
    from pipelines.feedback import label
    from serving.commands.stop import who_asks

    if bool(services) == nothing_wrong:
        raise InputError("name --service, or say --nothing-wrong", field="label")
    if changes and no_change:
        raise InputError("contradicts --change", field="--no-change")
    settings = load_settings()
    engine = connect(settings.store_url)
    migrate(engine)
    known = changes or (() if no_change or nothing_wrong else None)
    said = Label(incident_id=incident, by=who_asks(), services=services, changes=known,
                 nothing_wrong=nothing_wrong, fault=fault, comment=comment)  # fmt: skip
    label(CaseFiles(Store(engine), settings.state_dir / "incidents"), said, unseen=unseen)
    click.echo(f"{incident}: {'nothing was wrong' if nothing_wrong else ', '.join(services)}")
