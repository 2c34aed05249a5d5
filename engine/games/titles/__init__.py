"""Games that one has to own: a profile, a telemetry plugin and two ways of capture for each."""
