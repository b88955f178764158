"""What the scoring service answers, as plain functions: the same whether called here or over HTTP."""
