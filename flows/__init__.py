"""When and where does work run? Prefect flows, Ray pools, schedules, triggers, release gate, command line. Wiring only."""
