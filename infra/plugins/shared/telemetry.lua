-- Writes telemetry lines, protocol version 1, for the Lua hosts: Lua 5.4 of UE4SS and LuaJIT of Cyber Engine Tweaks.
-- Nothing here may stop the game: what fails is skipped, and tried again later.

local telemetry = {}

local PROTOCOL = 1
local MAX_BYTES = 64 * 1024 * 1024 -- then the file is begun anew, so that a long session does not fill the disk
local FRAMES_BETWEEN_TRIES = 300

local Writer = {}
Writer.__index = Writer

-- One number as JSON: finite, with a point whatever the locale says; nil if it is none.
local function number(value)
  if type(value) ~= "number" or value ~= value or value == math.huge or value == -math.huge then
    return nil
  end
  return (string.format("%.6f", value):gsub(",", "."))
end

-- A list of finite numbers as JSON; nil if one of `count` is none.
local function numbers(values, count)
  if type(values) ~= "table" then
    return nil
  end
  local texts = {}
  for i = 1, count or #values do
    texts[i] = number(values[i])
    if texts[i] == nil then
      return nil
    end
  end
  return "[" .. table.concat(texts, ",") .. "]"
end

-- A writer for `title` that begins the file `path` anew. `host` names what runs the plugin.
function telemetry.new(title, host, path)
  local writer = setmetatable({ title = title, host = host, path = path }, Writer)
  writer.session = string.format("%d-%d", os.time(), math.floor(os.clock() * 1e6) % 1000000)
  writer.part = 0
  writer.frame = 0
  writer.next_try = 0
  writer.skipped = 0
  writer:open()
  return writer
end

function Writer:open()
  self.file = io.open(self.path, "w")
  if not self.file then
    self.next_try = self.frame + FRAMES_BETWEEN_TRIES
    return
  end
  self.file:setvbuf("full", 8192) -- a line reaches the file in one piece, when it is flushed
  self.bytes = 0
  self:write(
    string.format(
      '{"worldloom":%d,"title":"%s","session":"%s","part":%d,"host":"%s"}\n',
      PROTOCOL, self.title, self.session, self.part, self.host
    )
  )
end

function Writer:write(line)
  local ok = pcall(function()
    assert(self.file:write(line))
    assert(self.file:flush())
  end)
  if ok then
    self.bytes = self.bytes + #line
  else
    self:close()
    self.next_try = self.frame + FRAMES_BETWEEN_TRIES
  end
end

-- One frame. `view` has pos (3 numbers), rot (3 or 6), fov in degrees, state, and perhaps player (3).
-- Returns the frame's number, which is what a marker in the picture shows; nil if the view is not whole.
function Writer:sample(view)
  self.frame = self.frame + 1
  local pos, rot, fov = numbers(view.pos, 3), numbers(view.rot), number(view.fov)
  if not (pos and rot and fov) then
    self.skipped = self.skipped + 1
    return nil
  end
  if not self.file and self.frame >= self.next_try then
    self:open()
  end
  if self.file and self.bytes > MAX_BYTES then
    self:close()
    self.part = self.part + 1
    self:open()
  end
  if not self.file then
    return nil
  end
  local player = numbers(view.player, 3)
  self:write(
    string.format(
      '{"frame":%d,"clock":%s,"pos":%s,"rot":%s,"fov":%s,"state":"%s"%s}\n',
      self.frame, number(os.clock()), pos, rot, fov, view.state, player and (',"player":' .. player) or ""
    )
  )
  return self.frame
end

function Writer:close()
  if self.file then
    pcall(self.file.close, self.file)
    self.file = nil
  end
end

-- The marker: 24 cells from left to right, true is white. White, black, the frame's number modulo 2^20 from its lowest bit
-- on, whether its ones are odd, and the opposite of that.
function telemetry.marker(frame)
  local cells, rest, odd = { true, false }, frame % 1048576, false
  for i = 1, 20 do
    local bit = rest % 2 == 1
    cells[#cells + 1] = bit
    odd = odd ~= bit
    rest = math.floor(rest / 2)
  end
  cells[#cells + 1] = odd
  cells[#cells + 1] = not odd
  return cells
end

return telemetry
