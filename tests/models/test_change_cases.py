"""Invented incidents, written before any weight was chosen: how many guilty changes (or their absence) are named.

Each case is an alert, what the telemetry shows and the recent changes, one of them guilty or none of them. Every
case holds innocent changes near the alert as well. ``SEEN`` was looked at while the signals were built;
``UNSEEN`` was not, so its figure is the honest one of the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from data.domain import Alert, Change, ChangeKind
from data.topology import ServiceGraph
from models.changes import ChangeContext, ChangeRanking, Symptom, rank_changes

FIRED = datetime(2031, 3, 4, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Incident:
    """One invented incident; times are minutes before the alert, ``guilty`` is a change id or None."""

    name: str
    service: str
    title: str
    symptoms: Sequence[Symptom]
    probabilities: Mapping[str, float]
    edges: Sequence[tuple[str, str]]
    changes: Sequence[Change]
    guilty: str | None
    onset: float = 4.0
    hosts: Mapping[str, str] = field(default_factory=dict)


def metric(service: str, name: str, before: float, after: float, score: float = 5.0) -> Symptom:
    verb = "rose" if after > before else "fell"
    return Symptom(service, "metric", name, f"{verb} from {before:g} to {after:g}", score)


def log(service: str, text: str, score: float = 4.0) -> Symptom:
    return Symptom(service, "log", "ERROR", text, score)


def span(service: str, operation: str, text: str = "", score: float = 4.0) -> Symptom:
    return Symptom(service, "span", operation, text, score)


def change(kind: str, id_: str, minutes: float, **fields: object) -> Change:
    return Change(id=id_, kind=ChangeKind(kind), timestamp=FIRED - timedelta(minutes=minutes), **fields)


def commit(id_: str, minutes: float, summary: str, file: str, diff: str | None = None) -> Change:
    return change("commit", id_, minutes, summary=summary, files=(file,), diff=diff)


def deploy(id_: str, minutes: float, service: str, commit_id: str | None = None) -> Change:
    return change("deploy", id_, minutes, service=service, commit=commit_id, version=id_)


def flag(id_: str, minutes: float, service: str, summary: str) -> Change:
    return change("flag", id_, minutes, service=service, summary=summary)


def config(id_: str, minutes: float, service: str, summary: str, diff: str | None = None) -> Change:
    return change("config", id_, minutes, service=service, summary=summary, diff=diff)


def noise(minutes: float = 50) -> list[Change]:
    """What every repository sees on a working day."""
    return [
        commit("n-readme", minutes, "docs: explain local setup", "README.md"),
        commit("n-test", minutes - 7, "test: cover empty basket", "tests/test_basket.py"),
        commit("n-ci", minutes - 15, "ci: cache wheels", ".github/workflows/ci.yml"),
        commit(
            "n-bump",
            minutes - 21,
            "chore: bump lodash",
            "package.json",
            '-  "lodash": "4.17.20"\n+  "lodash": "4.17.21"',
        ),
        commit(
            "n-label",
            minutes - 30,
            "feat: show order number on receipt page",
            "web/receipt/view.tsx",
            "-  <h1>Thanks</h1>\n+  <h1>Thanks, order {order.number}</h1>",
        ),
        commit("n-lint", 3, "style: run the formatter", "src/util/format.py"),
    ]


def judge(incident: Incident) -> ChangeRanking:
    alert = Alert(
        id="a", source="test", service=incident.service, title=incident.title, fired_at=FIRED, group=incident.name
    )
    context = ChangeContext(
        alert=alert,
        onset=FIRED - timedelta(minutes=incident.onset),
        service_probabilities=incident.probabilities,
        graph=ServiceGraph(incident.edges, hosts=incident.hosts),
        symptoms=tuple(incident.symptoms),
    )
    return rank_changes(incident.changes, context)


def verdict(ranking: ChangeRanking) -> str | None:
    """The id of the change that is likelier than any other and than none; None where none is."""
    best = ranking.ordered[0]
    return best if ranking.probabilities[best] > ranking.no_change_probability else None


SHOP = (("web", "basket"), ("web", "orders"), ("orders", "billing"), ("orders", "ordersdb"), ("basket", "basketdb"))

SEEN: tuple[Incident, ...] = (
    Incident(
        "config typo in a host name",
        "orders",
        "orders error rate above 10%",
        [
            metric("orders", "http_errors_ratio", 0.002, 0.61),
            log("orders", "dial tcp: lookup billng.internal: no such host"),
            log("web", "orders responded <*>"),
        ],
        {"orders": 0.7, "billing": 0.2, "web": 0.1},
        SHOP,
        [
            *noise(),
            config(
                "c-host",
                6,
                "orders",
                "point orders at the new billing address",
                "-BILLING_URL: http://billing.internal\n+BILLING_URL: http://billng.internal",
            ),
            commit(
                "d1",
                9,
                "refactor: split invoice builder",
                "services/billing/invoice.py",
                "-def build(order):\n-    return Invoice(order)\n+def build(order):\n+    lines = to_lines(order)\n+    return Invoice(order, lines)",
            ),
            deploy("dep-billing", 5, "billing", "d1"),
        ],
        "c-host",
    ),
    Incident(
        "retry storm: backoff removed",
        "billing",
        "billing request rate and latency high",
        [
            metric("billing", "requests_per_second", 80, 900),
            metric("billing", "latency_p99_ms", 120, 4100),
            metric("orders", "outbound_retries_total", 1, 640),
            metric("web", "requests_per_second", 300, 302, 0.1),
            log("billing", "too many concurrent requests"),
        ],
        {"billing": 0.5, "orders": 0.4, "web": 0.1},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                25,
                "refactor: simplify billing client",
                "services/orders/billing_client.py",
                "-    for attempt in range(3):\n-        try:\n-            return self.post(path)\n-        except Timeout:\n-            sleep(backoff(attempt) + jitter())\n+    while True:\n+        try:\n+            return self.post(path)\n+        except Timeout:\n+            continue",
            ),
            deploy("dep-orders", 12, "orders", "g"),
            flag("f1", 8, "web", "new_footer off->on"),
            commit(
                "d1",
                30,
                "feat: export billing counters",
                "services/billing/metrics.py",
                "+requests = Counter('billing_requests_total')",
            ),
            deploy("dep-billing", 7, "billing", "d1"),
        ],
        "g",
    ),
    Incident(
        "slow memory leak, long delayed",
        "basket",
        "basket container restarted: OOMKilled",
        [
            metric("basket", "memory_working_set_bytes", 2.1e8, 1.02e9),
            metric("basket", "container_restarts", 0, 3),
            metric("basket", "gc_pause_ms", 4, 190),
            log("basket", "java.lang.OutOfMemoryError: Java heap space"),
        ],
        {"basket": 0.9, "web": 0.1},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                300,
                "perf: remember price lookups",
                "services/basket/PriceLookup.java",
                "-    private final Cache<String, Price> prices = Caffeine.newBuilder().maximumSize(5000).build();\n+    private static final Map<String, Price> prices = new ConcurrentHashMap<>();",
            ),
            deploy("dep-1", 280, "basket", "g"),
            commit(
                "d1",
                20,
                "refactor: rename helper",
                "services/basket/Totals.java",
                "-    int sum(List<Item> items) {\n+    int total(List<Item> items) {",
            ),
            deploy("dep-2", 12, "basket", "d1"),
        ],
        "g",
        onset=60,
    ),
    Incident(
        "deadlock from lock order",
        "ordersdb",
        "ordersdb lock waits high",
        [
            metric("ordersdb", "lock_wait_seconds", 0.01, 14),
            log("orders", "ERROR: deadlock detected; process <*> waits for ShareLock on transaction <*>"),
            metric("orders", "latency_p99_ms", 90, 8000),
        ],
        {"ordersdb": 0.55, "orders": 0.4},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                14,
                "refactor: update stock before order row",
                "services/orders/repository.py",
                "     with session.begin():\n-        session.execute(select(Order).where(Order.id == id).with_for_update())\n-        session.execute(update(Stock).where(Stock.sku == sku).values(n=n))\n+        session.execute(update(Stock).where(Stock.sku == sku).values(n=n))\n+        session.execute(select(Order).where(Order.id == id).with_for_update())",
            ),
            deploy("dep-orders", 9, "orders", "g"),
            commit(
                "d1",
                11,
                "feat: log order source",
                "services/orders/api.py",
                "+    logger.info('order', extra={'source': source})",
            ),
            flag("f1", 6, "basket", "basket_autosave off->on"),
        ],
        "g",
    ),
    Incident(
        "rate limit lowered",
        "web",
        "web 429 responses",
        [
            metric("web", "http_429_per_second", 0.1, 44),
            log("web", "request rejected: rate limit exceeded for client <*>"),
            metric("web", "requests_per_second", 300, 298, 0.2),
        ],
        {"web": 0.8, "orders": 0.1},
        SHOP,
        [
            *noise(),
            config("g", 7, "web", "tidy gateway limits", "-  rate_limit_per_minute: 600\n+  rate_limit_per_minute: 60"),
            commit(
                "d1",
                12,
                "feat: cache avatar images",
                "services/web/avatar.py",
                "+    response.headers['Cache-Control'] = 'max-age=300'",
            ),
            deploy("dep-web", 6, "web", "d1"),
        ],
        "g",
    ),
    Incident(
        "migration drops an index",
        "ordersdb",
        "ordersdb CPU above 90%",
        [
            metric("ordersdb", "cpu_percent", 22, 97),
            metric("ordersdb", "rows_read_per_second", 4e3, 2.1e6),
            log("ordersdb", "slow query: select * from orders where customer_id = <*> took <*> ms"),
            metric("orders", "latency_p99_ms", 90, 5200),
        ],
        {"ordersdb": 0.8, "orders": 0.2},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                33,
                "chore: clean up unused schema objects",
                "db/migrations/0031_cleanup.sql",
                "+DROP INDEX IF EXISTS orders_customer_id_idx;\n+DROP TABLE IF EXISTS legacy_audit;",
            ),
            deploy("dep-db", 10, "ordersdb", "g"),
            commit(
                "d1",
                12,
                "fix: round totals",
                "services/orders/totals.py",
                "-    return round(total)\n+    return round(total, 2)",
            ),
            deploy("dep-orders", 7, "orders", "d1"),
        ],
        "g",
    ),
    Incident(
        "timeout cut too low",
        "orders",
        "orders failing calls to billing",
        [
            metric("orders", "failed_calls_ratio", 0.001, 0.4),
            log("orders", "billing call aborted: deadline exceeded after <*>ms"),
            span("orders", "POST /charge", "context deadline exceeded"),
            metric("billing", "latency_p99_ms", 410, 415, 0.1),
        ],
        {"orders": 0.75, "billing": 0.2},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                20,
                "chore: tidy client options",
                "services/orders/client.go",
                "-\tTimeout: 2 * time.Second,\n+\tTimeout: 200 * time.Millisecond,",
            ),
            deploy("dep-orders", 8, "orders", "g"),
            commit("d1", 10, "feat: retry metrics", "services/billing/metrics.go", "+\tretries.Inc()"),
            deploy("dep-billing", 6, "billing", "d1"),
        ],
        "g",
    ),
    Incident(
        "field renamed in the wire format",
        "billing",
        "billing 400 ratio high",
        [
            metric("billing", "http_400_ratio", 0.001, 0.93),
            log("billing", "cannot deserialize request: missing required field amount_cents"),
            log("orders", "billing rejected charge: <*> Bad Request"),
        ],
        {"billing": 0.6, "orders": 0.4},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                30,
                "refactor: consistent money naming",
                "services/orders/dto.ts",
                "-  amount_cents: number;\n+  amountMinor: number;",
            ),
            deploy("dep-orders", 9, "orders", "g"),
            commit("d1", 16, "feat: support refunds note", "services/billing/refund.ts", "+  note?: string;"),
            deploy("dep-billing", 5, "billing", "d1"),
        ],
        "g",
    ),
    Incident(
        "flag switches a broken path on",
        "basket",
        "basket 500s",
        [
            metric("basket", "http_5xx_ratio", 0.001, 0.37),
            log("basket", "TypeError: cannot read property 'rules' of undefined in couponEngine"),
        ],
        {"basket": 0.85, "web": 0.15},
        SHOP,
        [
            *noise(),
            flag("g", 5, "basket", "coupon_engine_v2 off->on for 100%"),
            commit(
                "d1", 26, "feat: show savings", "services/basket/savings.ts", "+  return prices.map(p => p.saving);"
            ),
            deploy("dep-basket", 22, "basket", "d1"),
            flag("f2", 9, "web", "holiday_theme off->on"),
        ],
        "g",
    ),
    Incident(
        "container memory limit lowered",
        "billing",
        "billing pods restarting",
        [
            metric("billing", "container_restarts", 0, 12),
            log("billing", "container killed: OOMKilled, exit code 137"),
            metric("billing", "memory_bytes", 5.0e8, 5.1e8, 0.5),
        ],
        {"billing": 0.9, "orders": 0.1},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                18,
                "chore: right-size requests and limits",
                "deploy/billing/values.yaml",
                "   resources:\n     limits:\n-      memory: 1Gi\n+      memory: 512Mi",
            ),
            deploy("dep-billing", 8, "billing", "g"),
            commit(
                "d1",
                12,
                "refactor: extract mapper",
                "services/billing/mapper.py",
                "-    return {'id': x.id}\n+    return to_dict(x)",
            ),
        ],
        "g",
    ),
    Incident(
        "provider outage",
        "billing",
        "billing charges failing",
        [
            metric("billing", "charge_failures_ratio", 0.004, 0.88),
            log("billing", "payment provider responded 503 Service Unavailable host=api.cardprovider.example.com"),
            log("orders", "billing returned <*>"),
        ],
        {"billing": 0.85, "orders": 0.15},
        SHOP,
        [
            *noise(),
            commit(
                "d1",
                22,
                "refactor: extract charge request builder",
                "services/billing/charge.py",
                "-    body = {'amount': a}\n-    return post('/charges', body)\n+    return post('/charges', build_body(a))\n+\n+def build_body(a):\n+    return {'amount': a}",
            ),
            deploy("dep-billing", 8, "billing", "d1"),
            flag("f1", 12, "billing", "receipt_pdf off->on"),
        ],
        None,
    ),
    Incident(
        "traffic surge",
        "web",
        "web latency high",
        [
            metric("web", "requests_per_second", 300, 2400),
            metric("basket", "requests_per_second", 120, 1000),
            metric("orders", "requests_per_second", 60, 500),
            metric("web", "cpu_utilization", 0.3, 0.99),
            metric("web", "latency_p99_ms", 150, 2900),
            log("web", "worker queue full, rejecting request"),
        ],
        {"web": 0.6, "orders": 0.2, "basket": 0.2},
        SHOP,
        [
            *noise(),
            commit(
                "d1",
                19,
                "refactor: extract request parser",
                "services/web/handler.py",
                "-    data = json.loads(body)\n+    data = parse(body)",
            ),
            deploy("dep-web", 9, "web", "d1"),
            flag("f1", 15, "web", "homepage_banner off->on"),
        ],
        None,
    ),
    Incident(
        "certificate expired",
        "orders",
        "orders cannot reach billing",
        [
            metric("orders", "failed_calls_ratio", 0.0, 1.0),
            log("orders", "SSL: CERTIFICATE_VERIFY_FAILED certificate has expired (_ssl.c:<*>)"),
        ],
        {"orders": 0.6, "billing": 0.4},
        SHOP,
        [
            *noise(),
            commit(
                "d1",
                14,
                "chore: set minimum TLS version",
                "lib/http/tls.py",
                "-    ctx.minimum_version = TLSv1_1\n+    ctx.minimum_version = TLSv1_2",
            ),
            deploy("dep-orders", 7, "orders", "d1"),
        ],
        None,
    ),
    Incident(
        "disk full",
        "ordersdb",
        "ordersdb writes failing",
        [
            metric("ordersdb", "disk_used_percent", 91, 100),
            log("ordersdb", "could not extend file: No space left on device"),
            metric("orders", "http_5xx_ratio", 0.0, 0.6),
        ],
        {"ordersdb": 0.85, "orders": 0.15},
        SHOP,
        [
            *noise(),
            commit(
                "d1",
                25,
                "feat: add order notes column",
                "db/migrations/0040_notes.sql",
                "+ALTER TABLE orders ADD COLUMN notes text;",
            ),
            deploy("dep-db", 20, "ordersdb", "d1"),
            commit(
                "d2",
                12,
                "refactor: order mapper",
                "services/orders/mapper.py",
                "-    return Order(**row)\n+    return to_order(row)",
            ),
            deploy("dep-orders", 9, "orders", "d2"),
        ],
        None,
    ),
    Incident(
        "node failure",
        "basket",
        "basket availability low",
        [
            metric("basket", "available_replicas", 6, 3),
            metric("web", "available_replicas", 4, 2),
            log("basket", "node worker-7 status is now: NodeNotReady"),
            log("web", "connection refused by basket"),
        ],
        {"basket": 0.6, "web": 0.4},
        SHOP,
        [
            *noise(),
            commit(
                "d1",
                16,
                "refactor: basket view model",
                "services/basket/view.py",
                "-    return dict(items=items)\n+    return view(items)",
            ),
            deploy("dep-basket", 8, "basket", "d1"),
        ],
        None,
    ),
    Incident(
        "bot attack on login",
        "web",
        "web login failures",
        [
            metric("web", "login_requests_per_second", 4, 950),
            metric("web", "requests_per_second", 300, 1300),
            metric("web", "login_failures_per_second", 0.3, 930),
            log("web", "invalid password for user <*> from <*>"),
        ],
        {"web": 0.9},
        SHOP,
        [
            *noise(),
            commit(
                "d1",
                18,
                "refactor: extract password hasher",
                "services/web/auth/hasher.py",
                "-    return bcrypt.checkpw(p, h)\n+    return hasher.check(p, h)",
            ),
            deploy("dep-web", 11, "web", "d1"),
        ],
        None,
    ),
    Incident(
        "provider throttles us",
        "basket",
        "basket recommendations failing",
        [
            log("basket", "openrec API error 429 Too Many Requests: monthly quota exceeded"),
            metric("basket", "recommendation_errors_ratio", 0.01, 1.0),
        ],
        {"basket": 0.9},
        SHOP,
        [
            *noise(),
            commit(
                "d1",
                21,
                "feat: log recommendation ids",
                "services/basket/recommend.py",
                "+    log.info('recommended', ids=ids)",
            ),
            deploy("dep-basket", 10, "basket", "d1"),
        ],
        None,
    ),
    Incident(
        "resolver failure",
        "orders",
        "orders errors to many hosts",
        [
            log("orders", "getaddrinfo failed: Temporary failure in name resolution"),
            log("billing", "lookup ledger.internal: i/o timeout from resolver <*>"),
            log("basket", "Temporary failure in name resolution"),
            metric("orders", "http_5xx_ratio", 0.0, 0.5),
            metric("billing", "http_5xx_ratio", 0.0, 0.5),
        ],
        {"orders": 0.4, "billing": 0.3, "basket": 0.3},
        SHOP,
        [
            *noise(),
            commit(
                "d1",
                23,
                "refactor: http client wrapper",
                "services/orders/http.py",
                "-    return requests.get(url, timeout=3)\n+    return client.get(url, timeout=3)",
            ),
            deploy("dep-orders", 9, "orders", "d1"),
        ],
        None,
    ),
    Incident(
        "noisy neighbour",
        "billing",
        "billing latency high",
        [
            metric("billing", "cpu_steal_percent", 0.5, 41),
            metric("billing", "latency_p99_ms", 100, 1500),
            metric("billing", "requests_per_second", 80, 79, 0.1),
        ],
        {"billing": 0.8, "orders": 0.2},
        SHOP,
        [
            *noise(),
            commit("d1", 40, "feat: add invoice footer", "services/billing/footer.py", "+FOOTER = 'Thank you'"),
            deploy("dep-billing", 30, "billing", "d1"),
            flag("f1", 14, "orders", "order_hints off->on"),
        ],
        None,
    ),
    Incident(
        "zone lost at the cloud provider",
        "basketdb",
        "basketdb unreachable",
        [
            log("basket", "connection to basketdb failed: no route to host (zone eu-b)"),
            metric("basketdb", "up", 1, 0),
            metric("ordersdb", "replica_lag_seconds", 0.2, 600),
            log("web", "availability zone eu-b impaired, failing over"),
        ],
        {"basketdb": 0.7, "basket": 0.3},
        SHOP,
        [
            *noise(),
            commit("d1", 19, "chore: tune basket db pool", "services/basket/db.py", "-POOL_SIZE = 20\n+POOL_SIZE = 25"),
            deploy("dep-basket", 12, "basket", "d1"),
        ],
        None,
    ),
)

UNSEEN: tuple[Incident, ...] = (
    Incident(
        "worker pool shrunk in a shared library",
        "orders",
        "orders queueing",
        [
            metric("orders", "executor_queue_size", 2, 900),
            metric("orders", "latency_p99_ms", 90, 7000),
            log("orders", "task rejected from ThreadPoolExecutor: queue capacity reached"),
        ],
        {"orders": 0.8, "web": 0.2},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                45,
                "chore: unify executor defaults",
                "libs/concurrency/Executors.java",
                "-  static final int CORE_THREADS = 64;\n+  static final int CORE_THREADS = 4;",
            ),
            deploy("dep-orders", 13, "orders", "g"),
            commit(
                "d1",
                12,
                "fix: null-safe order comment",
                "services/orders/Comment.java",
                '+    if (text == null) return "";',
            ),
            deploy("dep-2", 6, "orders", "d1"),
        ],
        "g",
    ),
    Incident(
        "time zone handling",
        "billing",
        "billing rejects tokens",
        [
            metric("billing", "http_401_ratio", 0.0, 0.7),
            log("billing", "token not yet valid: nbf is in the future by <*> s"),
        ],
        {"billing": 0.7, "orders": 0.3},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                28,
                "cleanup: use standard clock helper",
                "services/billing/auth/clock.py",
                "-    return datetime.now(timezone.utc)\n+    return datetime.now()",
            ),
            deploy("dep-billing", 9, "billing", "g"),
            commit("d1", 14, "feat: invoice locale", "services/orders/locale.py", "+    locale = user.locale or 'en'"),
            deploy("dep-orders", 6, "orders", "d1"),
        ],
        "g",
    ),
    Incident(
        "permission removed",
        "basket",
        "basket image uploads failing",
        [
            log("basket", "AccessDenied: not authorized to perform storage:PutObject"),
            metric("basket", "upload_errors_ratio", 0.0, 1.0),
        ],
        {"basket": 0.9},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                22,
                "security: least privilege for basket role",
                "terraform/basket/iam.tf",
                '-      "storage:PutObject",\n       "storage:GetObject",',
            ),
            change("infrastructure", "apply-1", 8, service="basket", summary="terraform apply basket", commit="g"),
            commit("d1", 10, "feat: image alt text", "services/basket/image.py", "+    alt = item.title"),
            deploy("dep-basket", 6, "basket", "d1"),
        ],
        "g",
    ),
    Incident(
        "consumer stops acknowledging",
        "orders",
        "order events lag",
        [
            metric("orders", "consumer_lag", 20, 88000),
            metric("orders", "messages_redelivered", 0, 5400),
            log("orders", "consumer poll timeout has expired, leaving group"),
        ],
        {"orders": 0.9, "billing": 0.1},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                35,
                "perf: bigger batches for order events",
                "services/orders/consumer.properties",
                "-max.poll.records=100\n+max.poll.records=5000",
            ),
            deploy("dep-orders", 11, "orders", "g"),
            commit(
                "d1",
                13,
                "refactor: event names as constants",
                "services/orders/events.py",
                "-    emit('order_placed')\n+    emit(ORDER_PLACED)",
            ),
            deploy("dep-2", 5, "orders", "d1"),
        ],
        "g",
    ),
    Incident(
        "major dependency upgrade",
        "basket",
        "basket errors",
        [
            log("basket", "AttributeError: module 'redis' has no attribute 'StrictRedis'"),
            metric("basket", "http_5xx_ratio", 0.0, 1.0),
        ],
        {"basket": 0.9, "web": 0.1},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                30,
                "chore: update dependencies",
                "services/basket/requirements.txt",
                "-redis==3.5.3\n+redis==6.0.0",
            ),
            deploy("dep-basket", 9, "basket", "g"),
            commit(
                "d1",
                15,
                "feat: wish list title",
                "services/basket/wishlist.py",
                "-    title = 'List'\n+    title = name",
            ),
            flag("f1", 8, "web", "wishlist_share off->on"),
        ],
        "g",
    ),
    Incident(
        "division by zero on empty basket",
        "basket",
        "basket 5xx",
        [
            log("basket", "ZeroDivisionError: division by zero in average_price"),
            metric("basket", "http_5xx_ratio", 0.001, 0.12),
        ],
        {"basket": 0.9},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                17,
                "refactor: compact price helpers",
                "services/basket/prices.py",
                "-    if not items:\n-        return 0\n-    return sum(i.price for i in items) / len(items)\n+    return sum(i.price for i in items) / len(items)",
            ),
            deploy("dep-basket", 9, "basket", "g"),
            commit(
                "d1",
                12,
                "fix: guard missing coupon",
                "services/basket/coupon.py",
                "+    if coupon is None:\n+        return total",
            ),
            deploy("dep-2", 6, "basket", "d1"),
        ],
        "g",
    ),
    Incident(
        "debug logging fills latency",
        "orders",
        "orders latency high",
        [
            metric("orders", "log_bytes_per_second", 2e4, 9e6),
            metric("orders", "latency_p99_ms", 95, 880),
            metric("orders", "disk_io_wait_percent", 1, 45),
        ],
        {"orders": 0.85, "web": 0.15},
        SHOP,
        [
            *noise(),
            config("g", 6, "orders", "temporarily see more", "-LOG_LEVEL=warn\n+LOG_LEVEL=trace"),
            commit(
                "d1",
                15,
                "refactor: order validators",
                "services/orders/validate.py",
                "-    return ok(order)\n+    return check(order)",
            ),
            deploy("dep-orders", 8, "orders", "d1"),
        ],
        "g",
    ),
    Incident(
        "route lost at the gateway",
        "web",
        "web 404 ratio high",
        [
            metric("web", "http_404_ratio", 0.01, 0.48),
            log("web", "no route matched for path /api/v2/basket"),
        ],
        {"web": 0.8, "basket": 0.2},
        SHOP,
        [
            *noise(),
            commit(
                "g",
                26,
                "chore: prune gateway table",
                "services/web/routes.yaml",
                "-  - path: /api/v2/basket\n-    upstream: basket\n   - path: /api/v3/basket\n     upstream: basket",
            ),
            deploy("dep-web", 8, "web", "g"),
            commit("d1", 12, "feat: basket badge count", "services/basket/badge.py", "+    return len(items)"),
            deploy("dep-basket", 6, "basket", "d1"),
        ],
        "g",
    ),
    Incident(
        "identity provider outage",
        "web",
        "web sign-ins failing",
        [
            log("web", "upstream error from login.idprovider.example.net: 502 Bad Gateway"),
            metric("web", "signin_failures_ratio", 0.02, 0.97),
        ],
        {"web": 0.9},
        SHOP,
        [
            *noise(),
            commit(
                "d1",
                17,
                "refactor: move session cookie helper",
                "services/web/auth/session.py",
                "-    set_cookie(resp, sid)\n+    cookies.set_session(resp, sid)",
            ),
            deploy("dep-web", 7, "web", "d1"),
        ],
        None,
    ),
    Incident(
        "campaign traffic",
        "orders",
        "orders saturation",
        [
            metric("web", "http_requests_rate", 410, 3900),
            metric("orders", "http_requests_rate", 50, 480),
            metric("basket", "http_requests_rate", 140, 1350),
            metric("orders", "thread_pool_active", 12, 64),
            metric("orders", "latency_p95_ms", 80, 1900),
            log("orders", "thread pool exhausted, request queued"),
        ],
        {"orders": 0.6, "web": 0.3},
        SHOP,
        [
            *noise(),
            commit(
                "d1", 24, "chore: raise order thread pool", "services/orders/server.yaml", "-threads: 60\n+threads: 64"
            ),
            deploy("dep-orders", 14, "orders", "d1"),
            flag("f1", 10, "web", "campaign_page off->on"),
        ],
        None,
    ),
    Incident(
        "token signing key expired",
        "billing",
        "billing 401s",
        [
            log("billing", "jwt verification failed: signing key expired at <*>"),
            metric("billing", "http_401_ratio", 0.0, 1.0),
        ],
        {"billing": 0.8, "orders": 0.2},
        SHOP,
        [
            *noise(),
            commit(
                "d1",
                20,
                "refactor: token claims type",
                "services/billing/auth/claims.py",
                "-    sub = claims['sub']\n+    sub = claims.sub",
            ),
            deploy("dep-billing", 120, "billing", "d1"),
            flag("f1", 16, "orders", "gift_wrap off->on"),
        ],
        None,
    ),
    Incident(
        "hardware fault under the database",
        "basketdb",
        "basketdb latency high",
        [
            metric("basketdb", "disk_read_latency_ms", 0.8, 240),
            log("basketdb", "kernel: blk_update_request: I/O error, dev nvme1n1, sector <*>"),
            metric("basket", "latency_p99_ms", 40, 3000),
        ],
        {"basketdb": 0.85, "basket": 0.15},
        SHOP,
        [
            *noise(),
            commit(
                "d1",
                13,
                "refactor: basket repository names",
                "services/basket/repository.py",
                "-    def get(self, id):\n+    def load(self, id):",
            ),
            deploy("dep-basket", 8, "basket", "d1"),
        ],
        None,
    ),
    Incident(
        "partner floods the import interface",
        "orders",
        "orders import backlog",
        [
            metric("orders", "import_messages_in_rate", 15, 700),
            metric("orders", "import_backlog", 40, 61000),
            metric("ordersdb", "writes_per_second", 60, 800),
            metric("web", "requests_per_second", 300, 305, 0.1),
        ],
        {"orders": 0.7, "ordersdb": 0.3},
        SHOP,
        [
            *noise(),
            commit("d1", 32, "feat: import report mail", "services/orders/report.py", "+    mail(report)"),
            deploy("dep-orders", 26, "orders", "d1"),
        ],
        None,
    ),
    Incident(
        "nothing wrong with the deploys, spot instances reclaimed",
        "billing",
        "billing capacity low",
        [
            metric("billing", "available_replicas", 8, 3),
            log("billing", "received instance termination notice, draining (spot interruption)"),
            metric("billing", "latency_p99_ms", 100, 900),
        ],
        {"billing": 0.9},
        SHOP,
        [
            *noise(),
            commit(
                "d1",
                15,
                "feat: sort invoices by date",
                "services/billing/list.py",
                "-    return invoices\n+    return sorted(invoices, key=by_date)",
            ),
            deploy("dep-billing", 9, "billing", "d1"),
        ],
        None,
    ),
)


@pytest.mark.parametrize("incidents", [SEEN, UNSEEN], ids=["seen", "unseen"])
def test_invented_incidents(incidents: tuple[Incident, ...]) -> None:
    right = [i.name for i in incidents if verdict(judge(i)) == i.guilty]
    wrong = {i.name: verdict(judge(i)) for i in incidents if i.name not in right}
    assert len(right) >= 0.7 * len(incidents), f"{len(right)}/{len(incidents)}; wrong: {wrong}"
