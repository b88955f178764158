"""The scoring service: models over HTTP, on BentoML. Only :mod:`serving.scoring.service` imports it."""
