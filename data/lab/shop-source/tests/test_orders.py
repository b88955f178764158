from checkout import orders


def test_an_order_costs_the_sum_of_its_lines():
    order = orders.new("s", [{"sku": "A", "units": 2, "cents": 150}, {"sku": "B", "units": 1, "cents": 99}])
    assert order.cents == 399


def test_a_voucher_takes_its_share_off():
    assert orders.discount(1000, "WELCOME10") == 100
    assert orders.discount(1000, "UNKNOWN") == 0
