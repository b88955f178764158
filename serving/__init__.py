"""Processes and people: the web application, webhooks, Nexus and the command line. Nothing happens at import."""
