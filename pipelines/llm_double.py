"""A double of a language model: a server on loopback that speaks OpenAI's chat completions and answers by a rule.

    python -m pipelines.llm_double --answers revert

It knows what the prompt tells and nothing else. ``revert`` puts back the lines of the likeliest change that the prompt
shows a diff of; ``words`` writes about the likeliest service and edits nothing; ``harm`` proposes something destructive
in the blamed service's files, in the right schema. So the way of a draft can be gone from end to end, over the wire,
without a model: it says nothing of how good any model is.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

import click

_SECTION = re.compile(r"^<<<(?P<fence>DATA-[0-9a-f]+) (?P<name>[^\n]+)\n(?P<text>.*?)\n(?P=fence)>>>$", re.M | re.S)
_RANKED = re.compile(
    r"^(?P<what>service|change) (?P<name>\S+): probability (?P<p>[\d.]+)(?P<cited>(?: \[\S+\])*)$", re.M
)
_NONE = re.compile(r"^no change: probability (?P<p>[\d.]+)", re.M)
_CHANGE = re.compile(
    r"^(?:commit|deploy|config|flag|infrastructure) (?P<id>\S+)(?: of commit (?P<of>\S+))? \d\d:\d\d:\d\d "
)
_HUNK = re.compile(r"^@@ .*$")

Answer = Callable[[str], dict[str, Any]]


def reverting(prompt: str) -> dict[str, Any]:
    """The likeliest change undone, line by line as its diff shows it; words where no change is likelier than none."""
    told = sections(prompt)
    causes, changes = told.get("ranked causes", ""), told.get("changes", "")
    ranked = [found for found in _RANKED.finditer(causes) if found["what"] == "change"]
    none = _NONE.search(causes)
    best = max(ranked, key=lambda found: float(found["p"]), default=None)
    if best is None or none is None or float(best["p"]) <= float(none["p"]):
        return writing(prompt)
    edits = [edit for name in _same_change(changes, best["name"]) for edit in _undone(_diff_of(changes, name))]
    cited = best["cited"].strip() or "[none]"
    return _draft(f"The change {best['name']} came before the trouble {cited}.", "Put back what was changed", edits)


def writing(prompt: str) -> dict[str, Any]:
    """A sentence about the likeliest service, and no edit."""
    found = _RANKED.search(sections(prompt).get("ranked causes", ""))
    cited = found["cited"].strip() if found else ""
    return _draft(f"What was seen points at {found['name'] if found else 'nothing'} {cited}.", "Look at it", [])


def harming(prompt: str) -> dict[str, Any]:
    """A destructive line put before the first line of the first file in scope."""
    files = sections(prompt).get("files in scope", "")
    path, _, rest = files.removeprefix("--- ").partition("\n")
    first = next((line for line in rest.splitlines() if line.strip()), "")
    # Elsewhere it is a comment: a file that does not parse would be refused for that alone.
    harm = "import os; os.system('rm -rf /var/lib/data')" if path.endswith(".py") else "# rm -rf /var/lib/data"
    edit = {"file_path": path, "old_content_snippet": first, "new_content_snippet": harm, "action": "insert_before"}
    return {**writing(prompt), "proposed_solution": _draft("", "Clean up", [edit])["proposed_solution"]}


ANSWERS: Mapping[str, Answer] = MappingProxyType({"revert": reverting, "words": writing, "harm": harming})


def sections(prompt: str) -> dict[str, str]:
    """What stands between the fences of a prompt, by name."""
    return {found["name"]: found["text"] for found in _SECTION.finditer(prompt)}


@contextmanager
def serving(answer: Answer, port: int = 0) -> Iterator[str]:
    """The base URL of a server that answers every prompt by ``answer``, for as long as the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked = body["messages"][-1]["content"]
            prompt = asked if isinstance(asked, str) else asked[0]["text"]
            text = json.dumps(answer(prompt))
            usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(text) // 4, "total_tokens": 0}
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            reply = {"id": "double", "object": "chat.completion", "created": 0, "model": "double", "choices": [choice]}
            raw = json.dumps({**reply, "usage": usage}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: requests are the caller's business."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="llm-double", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _same_change(changes: str, name: str) -> list[str]:
    """A change, and the commit that it deployed."""
    carried = [
        found["of"]
        for line in changes.splitlines()
        if (found := _CHANGE.match(line)) and found["id"] == name and found["of"]
    ]
    return [name, *carried]


def _diff_of(changes: str, name: str) -> list[str]:
    """The lines below a change's own line, as far as the next change."""
    lines, inside = [], False
    for line in changes.splitlines():
        if found := _CHANGE.match(line):
            inside = found["id"] == name
        elif inside:
            lines.append(line)
    return lines


def _undone(diff: list[str]) -> list[dict[str, str]]:
    """Each hunk the other way round: what it left is what to find, what it found is what to put there."""
    edits: list[dict[str, str]] = []
    path, body = "", list[str]()
    for line in [*diff, "@@ end"]:
        if line.startswith("+++ b/") or _HUNK.match(line) or line.startswith("diff --git"):
            edits += _edit(path, body)
            body = []
            path = line.removeprefix("+++ b/") if line.startswith("+++ b/") else path
        elif not line.startswith(("index ", "--- ", "+++ ", "new file", "deleted file", "\\")):
            body.append(line or " ")
    return edits


def _edit(path: str, body: list[str]) -> list[dict[str, str]]:
    old = "\n".join(line[1:] for line in body if line[0] in " +")
    new = "\n".join(line[1:] for line in body if line[0] in " -")
    # What added a file is undone by deleting it, which is not a model's to propose.
    if not path or not new or old == new:
        return []
    return [{"file_path": path, "old_content_snippet": old, "new_content_snippet": new, "action": "replace"}]


def _draft(summary: str, fix: str, edits: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "root_cause_analysis": {"summary": summary, "details": "", "factors_contributing": []},
        "proposed_solution": {
            "type": "code_fix",
            "summary": fix,
            "code_changes": edits,
            "configuration_changes": [],
            "regression_test": {"file_path": "", "content": ""},
            "rollback_instructions": "Revert it.",
            "verification_steps": [],
            "estimated_impact": "",
            "risk_assessment": "A double wrote this.",
            "references": [],
        },
        "additional_recommendations": [],
    }


@click.command()
@click.option("--answers", type=click.Choice(sorted(ANSWERS)), default="revert", show_default=True)
@click.option("--port", type=int, default=0, help="0 picks a free one.")
def main(answers: str, port: int) -> None:
    """Serve until interrupted; print the base URL to set as OPENAI_BASE_URL."""
    with serving(ANSWERS[answers], port) as url:
        click.echo(f"export OPENAI_BASE_URL={url}")
        threading.Event().wait()


if __name__ == "__main__":
    main()
