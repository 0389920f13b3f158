"""Areas of interest: what a user may give, and what it comes to."""
