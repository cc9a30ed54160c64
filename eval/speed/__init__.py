"""How fast this machine is, and where the time of a run goes."""
