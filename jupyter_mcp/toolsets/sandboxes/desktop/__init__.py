"""The desktop of a sandbox: a screen, a mouse and a keyboard above the agent's channel."""
