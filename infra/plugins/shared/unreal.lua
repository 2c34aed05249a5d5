-- Reads the camera of an Unreal Engine game through UE4SS and writes it as telemetry, once a frame on the game's thread.
-- Objects come and go with levels: each is asked whether it is still valid, and nothing is kept from frame to frame unasked.

local telemetry = require("telemetry")

local unreal = {}

local FRAMES_BETWEEN_SEARCHES = 30
local TIMER_MILLISECONDS = 16 -- for hosts without frame callbacks

local function valid(object)
  if object == nil then
    return false
  end
  local ok, answer = pcall(function()
    return object:IsValid()
  end)
  return ok and answer == true
end

-- The player's controller: the first that has a camera, rather one with a pawn.
local function find_controller()
  local best
  for _, controller in pairs(FindAllOf("PlayerController") or {}) do
    if valid(controller) and valid(controller.PlayerCameraManager) then
      if valid(controller.Pawn) then
        return controller
      end
      best = best or controller
    end
  end
  return best
end

local function is_paused(controller)
  local statics = StaticFindObject("/Script/Engine.Default__GameplayStatics")
  return valid(statics) and statics:IsGamePaused(controller) == true
end

local function state_of(controller)
  if is_paused(controller) then
    return "paused"
  elseif controller.bCinematicMode == true then
    return "cutscene"
  elseif controller.bShowMouseCursor == true then
    return "menu"
  elseif not valid(controller.Pawn) then
    return "loading"
  end
  return "play"
end

local function view_of(controller)
  local camera = controller.PlayerCameraManager
  local place, turn = camera:GetCameraLocation(), camera:GetCameraRotation()
  local view = {
    pos = { place.X, place.Y, place.Z },
    rot = { turn.Pitch, turn.Yaw, turn.Roll },
    fov = camera:GetFOVAngle(),
    state = state_of(controller),
  }
  if valid(controller.Pawn) then
    local player = controller.Pawn:K2_GetActorLocation()
    view.player = { player.X, player.Y, player.Z }
  end
  return view
end

-- Call `each_frame` once a frame on the game's thread, for ever.
local function every_frame(each_frame)
  if LoopInGameThreadAfterFrames then
    LoopInGameThreadAfterFrames(1, function()
      each_frame()
      return false
    end)
    return
  end
  local waiting = false -- one call at a time, so that a slow game is not buried in them
  LoopAsync(TIMER_MILLISECONDS, function()
    if not waiting then
      waiting = true
      ExecuteInGameThread(function()
        waiting = false
        each_frame()
      end)
    end
    return false
  end)
end

-- Start telemetry of `title` into `path`. Errors are printed once each and never reach the game.
function unreal.start(title, path)
  local writer = telemetry.new(title, "UE4SS", path)
  local controller, until_search, told = nil, 0, {}

  every_frame(function()
    local ok, fault = pcall(function()
      if not (valid(controller) and valid(controller.PlayerCameraManager)) then
        controller = nil
        until_search = until_search - 1
        if until_search <= 0 then
          until_search = FRAMES_BETWEEN_SEARCHES
          controller = find_controller()
        end
      end
      if controller then
        writer:sample(view_of(controller))
      end
    end)
    if not ok then
      controller = nil
      local text = tostring(fault)
      if not told[text] then
        told[text] = true
        print("[worldloom] " .. text .. "\n")
      end
    end
  end)
  return writer
end

return unreal
