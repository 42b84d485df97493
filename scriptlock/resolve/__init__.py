"""Who chooses versions."""
