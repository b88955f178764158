"""Published methods to compare with, for benchmarks alone: nothing of the product imports this.

Methods with a library of their own (:data:`CATALOGUE`) run in that library's own environment
(:mod:`~pipelines.peers.install`), in a process that is handed numbers under opaque names
(:mod:`~pipelines.peers.wire`) and is stopped when it takes too long (:mod:`~pipelines.peers.process`). Those of the
PetShop paper are written anew, from the paper (:mod:`~pipelines.peers.petshop`).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CATALOGUE", "Peer"]


@dataclass(frozen=True)
class Peer:
    """A method of somebody else's library.

    Attributes:
        library: the distribution it comes from.
        what: the method, and its paper.
        slow: takes seconds to minutes a case, so that it is asked on a sample alone.
    """

    library: str
    what: str
    slow: bool = False


CATALOGUE = {
    "baro": Peer("RCAEval", "robust scaling of each series at the split (Pham et al., FSE 2024)"),
    "rcaeval_nsigma": Peer("RCAEval", "standard scaling of each series at the split (Li et al., KDD 2022)"),
    "rcd": Peer(
        "sfr-pyrca", "hierarchical search for what the failure acts on (Ikram et al., NeurIPS 2022)", slow=True
    ),
    "circa": Peer("RCAEval", "regression on a graph learned with PC (Li et al., KDD 2022)", slow=True),
    "epsilon": Peer("sfr-pyrca", "two-sample test by energy distance (Shan et al., WWW 2019)", slow=True),
    "hypothesis_testing": Peer("sfr-pyrca", "regression on a graph learned with PC (Liu et al., 2023)", slow=True),
}
