"""What comes from outside: pinned tools, suspicious texts, tainted sessions, addresses."""
