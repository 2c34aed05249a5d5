-- Stand-in for UE4SS, ours: a scripted Unreal Engine world with as much of the host's Lua API as the plugins use.
-- The test sets `world` before each frame and calls `run_frame()`.

world = { x = 0, y = 0, z = 0, pitch = 0, yaw = 0, roll = 0, fov = 90, level = true, pawn = true, paused = false, cursor = false,
  cinematic = false, broken = false }

local INVALID = { IsValid = function() return false end } -- what UE4SS gives for a property that is not there

local function object(fields, alive)
  fields.IsValid = function() return alive() end
  return setmetatable(fields, { __index = function() return INVALID end })
end

local function new_controller(generation)
  local function alive() return world.level and world.generation == generation end
  local camera = object({}, alive)
  camera.GetCameraLocation = function()
    if world.broken then error("the level is being torn down") end
    return { X = world.x, Y = world.y, Z = world.z }
  end
  camera.GetCameraRotation = function() return { Pitch = world.pitch, Yaw = world.yaw, Roll = world.roll } end
  camera.GetFOVAngle = function() return world.fov end
  local pawn = object({}, function() return alive() and world.pawn end)
  pawn.K2_GetActorLocation = function() return { X = world.x, Y = world.y, Z = world.z - 100 } end
  return setmetatable({}, { __index = function(_, name)
    if name == "IsValid" then return alive
    elseif name == "PlayerCameraManager" then return camera
    elseif name == "Pawn" then return pawn
    elseif name == "bShowMouseCursor" then return world.cursor
    elseif name == "bCinematicMode" then return world.cinematic end
    return INVALID
  end })
end

local controllers = {}

function FindAllOf(class)
  assert(class == "PlayerController")
  if not world.level then return nil end
  world.generation = world.generation or 0
  controllers[world.generation] = controllers[world.generation] or new_controller(world.generation)
  return { object({}, function() return false end), controllers[world.generation] }
end

function StaticFindObject(path)
  assert(path == "/Script/Engine.Default__GameplayStatics")
  return object({ IsGamePaused = function() return world.paused end }, function() return true end)
end

local each_frame, timers, queue = nil, {}, {}

if frame_callbacks then
  function LoopInGameThreadAfterFrames(frames, callback)
    assert(frames == 1)
    each_frame = callback
  end
end

function LoopAsync(milliseconds, callback)
  assert(milliseconds > 0)
  timers[#timers + 1] = callback
end

function ExecuteInGameThread(callback)
  queue[#queue + 1] = callback
end

printed = {}
function print(text) printed[#printed + 1] = text end

function run_frame()
  if each_frame then
    assert(each_frame() == false, "the loop would have stopped")
  end
  for _ = 1, 2 do -- the timer is faster than this game
    for _, timer in ipairs(timers) do
      assert(timer() == false, "the loop would have stopped")
    end
  end
  local calls = queue
  queue = {}
  assert(#calls <= 1, "calls pile up")
  for _, call in ipairs(calls) do call() end
end
