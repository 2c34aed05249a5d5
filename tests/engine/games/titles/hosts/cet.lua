-- Stand-in for Cyber Engine Tweaks, ours: a scripted Cyberpunk 2077 with as much of the host's Lua API as the plugin uses.
-- The test sets `world` before each frame and calls `fire(event)`.

world = { x = 0, y = 0, z = 0, forward = { 0, 1, 0 }, up = { 0, 0, 1 }, fov = 60, player = true, cameras = true, active = true,
  menu = false, paused = false, tier = 1, broken = false }

local events = {}
function registerForEvent(name, callback) events[name] = callback end

function fire(name)
  if name == "onDraw" then squares = {} end
  if events[name] then events[name](0.016) end
end

local function vector(values) return { x = values[1], y = values[2], z = values[3], w = 0 } end

Transform = { new = function() return { position = vector({ 0, 0, 0 }) } end }

local definitions = { UI_System = { IsInMenu = "IsInMenu" }, PlayerStateMachine = { SceneTier = "SceneTier" } }
function GetAllBlackboardDefs() return definitions end

local player = {}
function player:GetWorldPosition() return vector({ world.x, world.y, world.z - 1.6 }) end
function player:GetPlayerStateMachineBlackboard()
  return { GetInt = function(_, field) assert(field == "SceneTier") return world.tier end }
end

local cameras = {}
function cameras:GetActiveCameraWorldTransform(transform)
  if world.broken then error("no world") end
  if world.active then transform.position = vector({ world.x, world.y, world.z }) end
  return world.active
end
function cameras:GetActiveCameraForward() return vector(world.forward) end
function cameras:GetActiveCameraUp() return vector(world.up) end
function cameras:GetActiveCameraFOV() return world.fov end

Game = {
  GetPlayer = function() return world.player and player or nil end,
  GetCameraSystem = function() return world.cameras and cameras or nil end,
  GetTimeSystem = function() return { IsPausedState = function() return world.paused end } end,
  GetBlackboardSystem = function()
    return { Get = function(_, board)
      assert(board == definitions.UI_System)
      return { GetBool = function(_, field) assert(field == "IsInMenu") return world.menu end }
    end }
  end,
}

ImGui = {
  GetBackgroundDrawList = function() return {} end,
  GetColorU32 = function(red) return red end,
  ImDrawListAddRectFilled = function(_, left, top, right, bottom, color)
    squares[#squares + 1] = { left, top, right, bottom, color }
  end,
}

squares, printed = {}, {}
function print(text) printed[#printed + 1] = text end
