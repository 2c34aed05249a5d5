-- Telemetry of Cyberpunk 2077: camera of each frame, and its number as squares in the picture. Runs in Cyber Engine Tweaks.
-- It writes worldloom.jsonl in this mod's folder, the only one where the host lets Lua write.

local telemetry = require("telemetry")

local CELL = 8 -- pixels
local CUTSCENE_TIER = 3 -- scene tiers from here on take the camera or the controls away from the player

local writer, transform
local shown = nil -- number of the frame that was written last
local told = {}

local function tell(fault)
  local text = tostring(fault)
  if not told[text] then
    told[text] = true
    print("[worldloom] " .. text)
  end
end

local function state_of(player)
  local boards, definitions = Game.GetBlackboardSystem(), GetAllBlackboardDefs()
  local ui = boards:Get(definitions.UI_System)
  if ui and ui:GetBool(definitions.UI_System.IsInMenu) then
    return "menu"
  end
  if Game.GetTimeSystem():IsPausedState() then
    return "paused"
  end
  local machine = player:GetPlayerStateMachineBlackboard()
  if machine and machine:GetInt(definitions.PlayerStateMachine.SceneTier) >= CUTSCENE_TIER then
    return "cutscene"
  end
  return "play"
end

local function view_now()
  local player, cameras = Game.GetPlayer(), Game.GetCameraSystem()
  if not player or not cameras or not cameras:GetActiveCameraWorldTransform(transform) then
    return nil -- main menu or loading: there is no camera
  end
  local place, forward, up = transform.position, cameras:GetActiveCameraForward(), cameras:GetActiveCameraUp()
  local body = player:GetWorldPosition()
  return {
    pos = { place.x, place.y, place.z },
    rot = { forward.x, forward.y, forward.z, up.x, up.y, up.z },
    fov = cameras:GetActiveCameraFOV(),
    player = { body.x, body.y, body.z },
    state = state_of(player),
  }
end

registerForEvent("onInit", function()
  transform = Transform.new()
  writer = telemetry.new("cyberpunk_2077", "Cyber Engine Tweaks", "worldloom.jsonl")
end)

registerForEvent("onUpdate", function()
  if not writer then
    return
  end
  local ok, found = pcall(view_now)
  if not ok then
    tell(found)
  end
  shown = ok and found and writer:sample(found) or nil
end)

registerForEvent("onDraw", function()
  if not shown then
    return
  end
  local ok, fault = pcall(function()
    local canvas = ImGui.GetBackgroundDrawList()
    local white, black = ImGui.GetColorU32(1, 1, 1, 1), ImGui.GetColorU32(0, 0, 0, 1)
    for i, lit in ipairs(telemetry.marker(shown)) do
      ImGui.ImDrawListAddRectFilled(canvas, (i - 1) * CELL, 0, i * CELL, CELL, lit and white or black, 0)
    end
  end)
  if not ok then
    tell(fault)
  end
end)

registerForEvent("onShutdown", function()
  if writer then
    writer:close()
    writer = nil
  end
end)
