# ruff: noqa: E501  (a diff is easier to read with its lines whole)
"""What commits and config changes look like: the same piece of code edited so that it breaks, and so that it does not.

Every mechanism has both kinds of edit, with the same summaries, files and identifiers, so that neither words nor
numbers alone tell. ``{svc}`` is the service's noun, ``{op}`` an operation, ``{callee}`` what it calls, ``{noun}``
some identifier; ``{low}`` and ``{high}`` are numbers of which ``{high}`` is several times ``{low}``, and ``{near}``
is close to ``{high}``.
"""

from __future__ import annotations

from typing import NamedTuple


class Edit(NamedTuple):
    """One edit: the file, a diff that breaks and one that does not, and what an author would call either."""

    file: str
    guilty: str
    harmless: str
    summaries: tuple[str, ...]


EDITS: dict[str, tuple[Edit, ...]] = {
    "n_plus_one": (
        Edit(
            "{svc}/{op}.py",
            " def {op}(items):\n-    details = {callee}_client.fetch_many([i.id for i in items])\n"
            "-    return [merge(i, details[i.id]) for i in items]\n+    return [merge(i, {callee}_client.fetch(i.id)) for i in items]\n",
            " def {op}(items):\n-    details = {callee}_client.fetch_many([i.id for i in items])\n"
            "+    ids = [i.id for i in items]\n+    details = {callee}_client.fetch_many(ids)\n"
            "     return [merge(i, details[i.id]) for i in items]\n",
            ("simplify {op}", "refactor {op} assembly", "{op}: drop helper variable"),
        ),
        Edit(
            "{svc}/{noun}_assembler.go",
            " func (a *Assembler) {op}(ctx context.Context, rows []Row) error {\n-\tbatch, err := a.{callee}.Batch(ctx, keys(rows))\n"
            "+\tfor i := range rows {\n+\t\tr, err := a.{callee}.Load(ctx, rows[i].Key)\n+\t\trows[i].Attach(r, err)\n+\t}\n",
            " func (a *Assembler) {op}(ctx context.Context, rows []Row) error {\n-\tbatch, err := a.{callee}.Batch(ctx, keys(rows))\n"
            "+\tbatch, err := a.{callee}.Batch(ctx, uniqueKeys(rows))\n",
            ("assemble {noun} rows from {callee}", "tidy {noun} assembler", "rework row loading"),
        ),
    ),
    "missing_index": (
        Edit(
            "{svc}/migrations/{low}_{noun}.sql",
            "-CREATE INDEX idx_{noun}_{op} ON {noun} ({op}_id, created_at);\n+DROP INDEX IF EXISTS idx_{noun}_{op};\n",
            "-CREATE INDEX idx_{noun}_{op} ON {noun} ({op}_id);\n+CREATE INDEX idx_{noun}_{op} ON {noun} ({op}_id, created_at);\n",
            ("clean up {noun} indexes", "migration for {noun}", "schema housekeeping"),
        ),
        Edit(
            "{svc}/{noun}_repository.java",
            "-    return query(\"select * from {noun} where {op}_id = ?\", id);\n+    return query(\"select * from {noun} where lower({op}_ref) = lower(?)\", ref);\n",
            "-    return query(\"select * from {noun} where {op}_id = ?\", id);\n+    return query(\"select id, {op}_id, state from {noun} where {op}_id = ?\", id);\n",
            ("look {noun} up by reference", "adjust {noun} query", "{noun} repository: narrower query"),
        ),
    ),
    "wrong_timeout": (
        Edit(
            "{svc}/{callee}_client.go",
            "-\tclient := http.Client{Timeout: {high} * time.Millisecond}\n+\tclient := http.Client{Timeout: {low} * time.Millisecond}\n",
            "-\tclient := http.Client{Timeout: {high} * time.Millisecond}\n+\tclient := http.Client{Timeout: {near} * time.Millisecond}\n",
            ("tune {callee} client", "{callee} client: review deadlines", "client settings from load test"),
        ),
        Edit(
            "{svc}/config/{callee}.yaml",
            " {callee}:\n-  request_timeout_ms: {high}\n+  request_timeout_ms: {low}\n",
            " {callee}:\n-  request_timeout_ms: {low}\n+  request_timeout_ms: {high}\n",
            ("align {callee} settings", "{callee}: timeouts", "settings for {callee}"),
        ),
    ),
    "pool_cut": (
        Edit(
            "{svc}/{noun}/pool.go",
            "-const maxOpenConns = {high}\n+const maxOpenConns = {low}\n",
            "-const maxOpenConns = {low}\n+const maxOpenConns = {high}\n",
            ("pool constants", "review connection pool of {callee}", "consistent pool sizes"),
        ),
        Edit(
            "{svc}/application.yaml",
            " datasource:\n   url: jdbc:{callee}\n-  hikari.maximum-pool-size: {high}\n+  hikari.maximum-pool-size: {low}\n",
            " datasource:\n   url: jdbc:{callee}\n-  hikari.maximum-pool-size: {high}\n+  hikari.maximum-pool-size: {near}\n",
            ("datasource defaults", "{callee} datasource", "shared defaults for pools"),
        ),
    ),
    "exception": (
        Edit(
            "{svc}/{op}.py",
            " def {op}(request):\n-    if request.{noun} is None:\n-        return default_{noun}()\n     return render(request.{noun}.value)\n",
            " def {op}(request):\n-    if request.{noun} is None:\n+    if request is None or request.{noun} is None:\n         return default_{noun}()\n     return render(request.{noun}.value)\n",
            ("simplify {op} handler", "{op}: handle {noun}", "remove old branch in {op}"),
        ),
        Edit(
            "{svc}/{op}_handler.go",
            " func (h *Handler) {op}(r *Request) (*Reply, error) {\n-\tif len(r.{noun}) == 0 {\n-\t\treturn emptyReply(), nil\n-\t}\n \tfirst := r.{noun}[0]\n",
            " func (h *Handler) {op}(r *Request) (*Reply, error) {\n \tif len(r.{noun}) == 0 {\n-\t\treturn emptyReply(), nil\n+\t\treturn h.emptyReply(r), nil\n \t}\n \tfirst := r.{noun}[0]\n",
            ("{op}: reply building", "flatten {op} handler", "less nesting in {op}"),
        ),
    ),
    "retry_storm": (
        Edit(
            "{svc}/{callee}_client.py",
            "-@retry(attempts=3, wait=exponential_jitter(0.1, 2.0))\n+@retry(attempts={low}, wait=none())\n def call_{callee}(payload):\n",
            "-@retry(attempts=3, wait=exponential_jitter(0.1, 2.0))\n+@retry(attempts=3, wait=exponential_jitter(0.2, 2.0))\n def call_{callee}(payload):\n",
            ("make {callee} calls more robust", "retries for {callee}", "{callee} client resilience"),
        ),
    ),
    "leak": (
        Edit(
            "{svc}/{noun}_registry.py",
            "-_{noun} = LruCache(maxsize={high})\n+_{noun} = {}\n \n def remember(key, value):\n     _{noun}[key] = value\n",
            "-_{noun} = LruCache(maxsize={high})\n+_{noun} = LruCache(maxsize={near})\n \n def remember(key, value):\n     _{noun}[key] = value\n",
            ("{noun} registry", "keep {noun} between requests", "cache {noun} lookups"),
        ),
        Edit(
            "{svc}/{op}.go",
            " \tresp, err := s.{noun}.Open(ctx)\n-\tdefer resp.Close()\n+\ts.open = append(s.open, resp)\n",
            " \tresp, err := s.{noun}.Open(ctx)\n-\tdefer resp.Close()\n+\tdefer func() { _ = resp.Close() }()\n",
            ("{op}: reuse {noun} handles", "handle {noun} close", "lint fixes in {op}"),
        ),
    ),
    "large_payload": (
        Edit(
            "{svc}/{callee}_gateway.py",
            " def to_{callee}(order):\n-    return {\"id\": order.id, \"total\": order.total}\n+    return {\"id\": order.id, \"total\": order.total, \"history\": [dump(e) for e in order.events]}\n",
            " def to_{callee}(order):\n-    return {\"id\": order.id, \"total\": order.total}\n+    return {\"id\": order.id, \"total\": str(order.total)}\n",
            ("send more detail to {callee}", "{callee} payload", "extend {callee} request"),
        ),
    ),
    "cache_stampede": (
        Edit(
            "{svc}/{noun}_cache.py",
            "-TTL_SECONDS = {high}\n+TTL_SECONDS = 1\n {noun}_cache = Cache(ttl=TTL_SECONDS, loader=load_from_{callee})\n",
            "-TTL_SECONDS = {high}\n+TTL_SECONDS = {near}\n {noun}_cache = Cache(ttl=TTL_SECONDS, loader=load_from_{callee})\n",
            ("fresher {noun}", "{noun} cache settings", "cache {noun} from {callee}"),
        ),
        Edit(
            "{svc}/config/cache.yaml",
            " {noun}:\n-  ttl: {high}s\n-  jitter: 20%\n+  ttl: {low}s\n+  jitter: 0%\n",
            " {noun}:\n-  ttl: {low}s\n+  ttl: {high}s\n   jitter: 20%\n",
            ("cache settings", "{noun} expiry", "review expiry times"),
        ),
    ),
    "bad_url": (
        Edit(
            "{svc}/config/endpoints.yaml",
            " endpoints:\n-  {callee}: http://{callee}.internal:{high}\n+  {callee}: http://{callee}-v2.internal:{high}\n",
            " endpoints:\n-  {callee}: http://{callee}.internal:{high}\n+  {callee}: http://{callee}.internal:{high}/\n",
            ("endpoints", "{callee} address", "service addresses"),
        ),
    ),
    "config_limit": (
        Edit(
            "deploy/{svc}.yaml",
            " resources:\n   limits:\n-    cpu: {high}m\n+    cpu: {low}m\n",
            " resources:\n   limits:\n-    cpu: {high}m\n+    cpu: {near}m\n",
            ("right-size {svc}", "limits for {svc}", "resource review"),
        ),
        Edit(
            "{svc}/server.yaml",
            " server:\n-  max_workers: {high}\n+  max_workers: {low}\n",
            " server:\n-  max_workers: {low}\n+  max_workers: {high}\n",
            ("server settings", "workers of {svc}", "{svc} server defaults"),
        ),
    ),
}  # fmt: skip

# Edits that have nothing to do with how a service runs.
CHORES: tuple[tuple[str, str, str], ...] = (
    ("docs/{noun}.md", "-See the {op} guide.\n+See the [{op}](guide.md) guide.\n", "docs: link the {op} guide"),
    ("{svc}/tests/test_{op}.py", "+def test_{op}_empty():\n+    assert {op}([]) == []\n", "test {op} with nothing"),
    ("{svc}/{op}.py", '-    log.info("{op} done")\n+    log.debug("{op} done")\n', "quieter logging in {op}"),
    ("requirements.txt", "-{noun}==1.{low}\n+{noun}==1.{near}\n", "bump {noun}"),
    (".github/workflows/ci.yml", "-    timeout-minutes: {low}\n+    timeout-minutes: {high}\n", "ci: longer timeout"),
    ("{svc}/{noun}.go", "-// {op} returns the {noun}.\n+// {op} returns the current {noun}.\n", "comment wording"),
    ("{svc}/static/{noun}.css", "-  margin: {low}px;\n+  margin: {high}px;\n", "spacing of {noun} panel"),
    ("{svc}/{noun}_types.ts", "-export type {noun} = any\n+export type {noun} = { id: string }\n", "type {noun}"),
    ("{svc}/{op}.py", "-from {noun} import *\n+from {noun} import {op}\n", "explicit imports"),
    ("Makefile", "+{noun}:\n+\t./scripts/{noun}.sh\n", "make target for {noun}"),
)
