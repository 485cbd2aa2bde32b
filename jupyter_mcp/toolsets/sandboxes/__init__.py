"""Development containers for agents and notebooks, behind one interface for several engines."""
