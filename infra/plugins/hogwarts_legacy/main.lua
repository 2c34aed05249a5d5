-- Telemetry of Hogwarts Legacy: camera and player of each frame into worldloom.jsonl beside the game's program. Runs in UE4SS.

require("unreal").start("hogwarts_legacy", "worldloom.jsonl")
