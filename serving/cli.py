"""``qai-sre``: the command line. Commands live in :mod:`serving.commands` and are imported only when named."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version

import click

from data.errors import ConfigError, InputError, QaiError

# Exit codes a script can rely on; README has the same table.
EXIT_FAILED = 1
EXIT_USAGE = 2

_COMMANDS = {
    "run": "Start everything and handle the shipped incident in front of you.",
    "serve": "Start the control plane: webhooks, API, Nexus and the durable flow.",
    "score": "Serve the models over HTTP, with batching.",
    "diagnose": "Rank root causes and guilty changes for recorded incidents.",
    "data": "Make incidents whose cause is known, to learn from.",
    "lab": "A small real shop to break: start it, load it, break it, heal it.",
    "logs": "Find the templates of a log file, and which are new, surge or vanished.",
    "assess": "Say how severe alerts and incident texts sound, and why.",
    "detect": "Score how unusual each row of recorded series is, with alarms at a rate you set.",
    "bench-detect": "Measure anomaly detectors on public series, beside the peers.",
    "forecast": "Say how likely a series breaches its threshold, when, and how far to believe it.",
    "bench": "Measure rankings on public data sets, beside trivial baselines.",
    "optimize": "Find what is too large, too small, idle or slow, with what it would save.",
    "propose": "Draft the fix for a recorded incident, with its checks and the policy's decision.",
    "patch": "Put a proposal's changes into a working tree, all of them or none.",
    "check": "Hold the change in a working tree to every gate a proposed fix has to pass.",
    "label": "Say afterwards what caused an incident, to learn from.",
    "retrain": "Learn from feedback, and put what was learned in use if it is better.",
    "report": "Say who is served how well, and who worse than others.",
    "models": "List the versions of the ranker, put one in use, or go back.",
    "policy": "Check a policy, try it on the past, and see what was earned and what waits.",
    "stop": "Emergency stop: nothing is written to the world until it is lifted.",
    "resume": "Lift an emergency stop.",
    "login": "Print a one-time link that signs you in to Nexus.",
    "verify-audit": "Check that the audit log has not been rewritten.",
}


class _LazyGroup(click.Group):
    """Knows every command's name and one-line help without importing any of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(f"serving.commands.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS:
            ctx.fail(f"no such command {args[0]!r}; choose from {', '.join(_COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("qai-sre"), prog_name="qai-sre")
def cli() -> None:
    """The open-source AI site reliability engineer.

    An alert comes in; models rank its root causes; a fix is drafted and opened as a pull request; a person decides.
    """


def main() -> None:
    """Console entry point: one line on stderr for what went wrong, and an exit code that says whose turn it is."""
    try:
        cli(standalone_mode=True)
    except (ConfigError, InputError) as error:
        click.echo(f"qai-sre: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except OSError as error:
        click.echo(f"qai-sre: {error.filename or 'error'}: {error.strerror or error}", err=True)
        sys.exit(EXIT_USAGE)
    except QaiError as error:
        click.echo(f"qai-sre: {error}", err=True)
        sys.exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
