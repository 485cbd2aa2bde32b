"""The program that runs inside a sandbox; it is sent there as text and never imported here."""
