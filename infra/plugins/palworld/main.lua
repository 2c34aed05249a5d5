-- Telemetry of Palworld: camera and player of each frame into worldloom.jsonl beside the game's program. Runs in UE4SS.

require("unreal").start("palworld", "worldloom.jsonl")
