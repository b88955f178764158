"""From a diagnosis to a guarded change of the world: the only package that writes to anything but our own store.

How a fix comes about, one module a step:

* :mod:`~remediation.synthesize` drafts a :class:`~data.proposal.Proposal` from evidence;
* :mod:`~remediation.checks` says what is wrong with the change it would make;
* :mod:`~remediation.policy` says whether the change may be made: act, ask a person, or refuse;
* :mod:`~remediation.approval` is where a person says yes or no;
* :mod:`~remediation.execute` makes the change, through :mod:`~remediation.actions` and :mod:`~remediation.forge`.

Nothing is written without a :class:`~data.domain.Decision` whose outcome is ``act``.
"""
