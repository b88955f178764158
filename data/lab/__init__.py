"""The lab: a small shop of real services to break, with its own git repository, load, faults and telemetry.

    lab = Lab(Path(".qai/lab"))
    lab.up()                                    # eight processes on loopback, from the newest commit
    lab.start_load()                            # customers
    truth = lab.break_("n-plus-one", seed=1)    # an ordinary commit, deployed; innocent ones around it
    telemetry = lab.source().collect(request)   # what anybody may see
    lab.heal(truth)                             # undoes what is not code; code is reverted and deployed
    lab.down()

``lab`` has the whole interface; ``faults`` is the catalogue of what can go wrong; ``mechanisms`` is how. The
shop's own source is in ``shop-source``, its past and its bad and harmless commits are patches in ``commits``.
Nothing in here writes telemetry but the services themselves, through the OpenTelemetry SDK.
"""
