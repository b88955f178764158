"""What customers who looked at one product also buy."""
