"""What capacity costs: a YAML file. A price that is not in it is not known, and no saving is claimed with it.

currency: USD
cpu_core_hour: 0.0316        # one allotted CPU core
memory_gib_hour: 0.0035      # one allotted GiB of memory
instance_hour: 0.096         # one whole instance, where it is billed as a whole
services:                    # what differs, by service
  search: {instance_hour: 0.192}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from data.errors import InputError

Price = Annotated[float, Field(gt=0, allow_inf_nan=False)]
HOURS_PER_MONTH = 730.0


class Rates(BaseModel):
    """Prices an hour, in the file's currency; None where not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpu_core_hour: Price | None = None
    memory_gib_hour: Price | None = None
    instance_hour: Price | None = None


class Prices(Rates):
    """The general rates, and those of services that differ."""

    currency: str = Field(min_length=1, max_length=12)
    services: dict[str, Rates] = Field(default_factory=dict)

    def of(self, service: str) -> Rates:
        """What applies to a service: its own rate where it has one, else the general one."""
        own = self.services.get(service, Rates())
        if own.instance_hour is not None:
            return own  # billed as a whole, whatever is allotted within
        general = {name: getattr(self, name) for name in Rates.model_fields}
        return Rates(**(general | own.model_dump(exclude_none=True)))


def load_prices(path: Path) -> Prices:
    """Read a price file.

    Raises:
        InputError: it cannot be read, or a key or value in it means nothing; each is named.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {getattr(error, 'strerror', None) or error}", field=str(path)) from error
    except yaml.YAMLError as error:
        raise InputError(f"is not YAML: {' '.join(str(error).split())}", field=str(path)) from error
    if not isinstance(raw, dict):
        raise InputError("must be a mapping with a currency and prices; docs/optimize.md shows one", field=str(path))
    try:
        return Prices.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {first['msg']}", field=str(path)) from error
