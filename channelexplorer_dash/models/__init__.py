"""Models: the registry, what builds them, and what is known of them without torch."""
