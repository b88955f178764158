"""One module a flow or a stage; ``respond`` is the flow that handles an incident from alert to resolution."""
