"""Which files of a folder are indexed, and what they hold."""
