from data.reports import Report
from models.severity.words import features


def test_words_pairs_and_titles_are_told_apart() -> None:
    found = features(Report("Search fails", "Pages fail"))
    assert {"search", "page fail", "title search fail" if "title search fail" in found else "title search"} <= found
    assert "title page" not in found


def test_its_own_services_name_is_left_out() -> None:
    found = features(Report("RedisCluster down", "Redis Cluster is down", service="Redis Cluster"))
    assert not any("redis" in f for f in found)
    assert "down" in found


def test_templates_and_links_are_not_read() -> None:
    assert not any(
        "label" in f or "http" in f for f in features(Report("x y", "on {{ $labels.instance }} see http://a.b/c"))
    )


def test_lists_shares_and_error_codes_are_read() -> None:
    found = features(Report("Trouble", "Actions, Pages, Issues and Packages fail for 3% with 502"))
    assert {"listed 4 or more", "under 5 %", "5xx"} <= found
    assert "listed 5 or more" not in found


def test_a_querys_condition_is_read() -> None:
    found = features(Report("x", expression='100 * rate(errors_total{job="a>5"}[5m]) > 95 or absent(up) or y == 0'))
    assert {
        "query > 90 or more",
        "query calls absent",
        "query calls rate",
        "query == 0",
        "query looks back by m",
    } <= found
