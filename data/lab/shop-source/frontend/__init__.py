"""The shop's front door: what customers see."""
