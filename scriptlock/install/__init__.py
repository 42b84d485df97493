"""Who fills an environment."""
