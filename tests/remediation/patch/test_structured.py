"""One setting changes; every other character of the file stays."""

from __future__ import annotations

import pytest

from data.errors import ProposalError
from data.proposal import ConfigurationAction, ConfigurationChange
from remediation.patch.structured import configured

YAML = """\
# limits agreed with the payments team
server:
  timeout: 30  # seconds
  "host": 'shop'
  pools: {read: 5, write: 2}
  labels:
    app.kubernetes.io/name: cart

containers:
  - name: web
    image: web:1
    args: []
  - name: proxy
    image: proxy:1
"""


def put(path: str, key: str, value: object, text: str) -> str:
    return configured(text, ConfigurationChange.model_validate({"path": path, "key": key, "value": value}))


def take(path: str, key: str, text: str) -> str:
    return configured(text, ConfigurationChange(path=path, key=key, action=ConfigurationAction.remove))


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("server.timeout", 5, "timeout: 30  #", "timeout: 5  #"),
        ("server.timeout", "5", "timeout: 30  #", "timeout: 5  #"),
        ("/server/timeout", 2.5, "timeout: 30  #", "timeout: 2.5  #"),
        ("server.host", "it's", "'shop'", "'it''s'"),
        ("server.pools.write", 9, "write: 2", "write: 9"),
        ("server.labels.app.kubernetes.io/name", "x: y", "name: cart", "name: 'x: y'"),
        ("containers[1].image", "proxy:2", "proxy:1", "proxy:2"),
        ("containers[name=web].image", "web:2", "web:1", "web:2"),
        ("containers.proxy.image", "proxy:3", "proxy:1", "proxy:3"),
        ("containers.0.args", ["-v"], "args: []", 'args: ["-v"]'),
        ("server.labels.tier", "front", "name: cart\n", "name: cart\n    tier: front\n"),
        ("server.pools.idle", 1, "write: 2}", "write: 2, idle: 1}"),
        ("replicas", 3, "image: proxy:1\n", "image: proxy:1\nreplicas: 3\n"),
    ],
)
def test_yaml_value_changes_and_nothing_else(key: str, value: object, old: str, new: str) -> None:
    assert YAML.count(old) == 1
    assert put("a.yaml", key, value, YAML) == YAML.replace(old, new)


def test_yaml_key_is_removed_with_its_lines() -> None:
    assert take("a.yaml", "server.labels", YAML) == YAML.replace("  labels:\n    app.kubernetes.io/name: cart\n", "")
    assert take("a.yaml", "server.pools.read", YAML) == YAML.replace("read: 5, ", "")
    assert take("a.yaml", "containers.proxy", YAML) == YAML.replace("  - name: proxy\n    image: proxy:1\n", "")


@pytest.mark.parametrize(
    ("text", "key", "why"),
    [
        ("a: 1\n---\na: 2\n", "a", "ambiguous"),
        ("a: 1\na: 2\n", "a", "ambiguous"),
        ("a: &x\n  b: 1\nc: *x\n", "c.b", "ambiguous"),
        ("a:\n  b: 1\n", "a", "ambiguous"),
        ("a: |\n  text\n", "a", "outside scope"),
        ("a: 1\n", "b.c", "missing"),
        ("a: [1\n", "a", "syntax broken"),
    ],
)
def test_yaml_that_cannot_be_edited_with_certainty_is_refused(text: str, key: str, why: str) -> None:
    with pytest.raises(ProposalError, match=why):
        put("a.yml", key, 5, text)


JSON = '{\n\t"db": {\n\t\t"pool": 5,\n\t\t"url": "db://x"\n\t},\n\t"on": true\n}\n'


def test_json_keeps_its_tabs() -> None:
    assert put("a.json", "db.pool", 50, JSON) == JSON.replace("5,", "50,")
    assert put("a.json", "on", "false", JSON) == JSON.replace("true", "false")
    assert put("a.json", "db.size", 1, JSON) == JSON.replace('"db://x"\n', '"db://x",\n\t\t"size": 1\n')
    assert take("a.json", "db.url", JSON) == JSON.replace(',\n\t\t"url": "db://x"', "")


TOML = '# top\n[server]\ntimeout = 30 # seconds\nname = "shop"\n\n[server.tls]\non = true\n'


def test_toml_keeps_its_comments() -> None:
    assert put("a.toml", "server.timeout", 5, TOML) == TOML.replace("30", "5")
    assert put("a.toml", "server.tls.on", False, TOML) == TOML.replace("true", "false")
    assert take("a.toml", "server.name", TOML) == TOML.replace('name = "shop"\n', "")
    with pytest.raises(ProposalError, match="missing"):
        put("a.toml", "client.timeout", 5, TOML)


HCL = 'resource "aws_instance" "web" {\n  # sized in spring\n  instance_type = "t3.micro"\n  count = var.n\n}\n'


def test_hcl_attribute_changes_in_its_block() -> None:
    key = "resource.aws_instance.web.instance_type"
    assert put("a.tf", key, "t3.large", HCL) == HCL.replace("t3.micro", "t3.large")
    with pytest.raises(ProposalError, match="expression"):
        put("a.tf", "resource.aws_instance.web.count", 3, HCL)


INI = "; top\n[web]\ntimeout = 30\n[db]\ntimeout = 5\nurl=x\n"


def test_ini_key_needs_its_section_where_it_stands_twice() -> None:
    assert put("a.ini", "web.timeout", 60, INI) == INI.replace("30", "60")
    assert put("a.ini", "url", "y", INI) == INI.replace("url=x", "url=y")
    with pytest.raises(ProposalError, match="ambiguous"):
        put("a.ini", "timeout", 1, INI)


def test_a_value_that_is_there_already_is_no_change() -> None:
    with pytest.raises(ProposalError, match="nothing to do"):
        put("a.yaml", "server.timeout", 30, YAML)


def test_a_revert_without_a_value_says_what_is_needed() -> None:
    change = ConfigurationChange(path="a.yaml", key="server.timeout", action=ConfigurationAction.revert)
    with pytest.raises(ProposalError, match="set the value, or revert the commit"):
        configured(YAML, change)
