-- The client's mod: draws the frame's id as engine/games/titles/marker.py reads it, and logs one line a frame.
-- It runs before the camera moves: what is logged here is the pose of the picture that shows the id before this one.

local CELL, BITS, CELLS = 8, 20, 24
local BLACK, WHITE = "blank.png^[noalpha", "blank.png^[noalpha^[invert:rgb"
local shown, elements, frame = {}, {}, 0

local function cells_of(number)
    local cells, odd = {true, false}, false
    for _ = 1, BITS do
        local bit = number % 2 == 1
        number = math.floor(number / 2)
        if bit then odd = not odd end
        cells[#cells + 1] = bit
    end
    cells[#cells + 1] = odd
    cells[#cells + 1] = not odd
    return cells
end

local function draw(player, number)
    local cells = cells_of(number)
    for i = 1, CELLS do
        local texture = cells[i] and WHITE or BLACK
        if elements[i] == nil then
            elements[i] = player:hud_add({
                hud_elem_type = "image", text = texture, position = {x = 0, y = 0}, alignment = {x = 1, y = 1},
                offset = {x = CELL * (i - 1), y = 0}, scale = {x = CELL, y = CELL}, z_index = 900,
            })
        elseif shown[i] ~= cells[i] then
            player:hud_change(elements[i], "text", texture)
        end
        shown[i] = cells[i]
    end
end

core.register_globalstep(function()
    local player, camera = core.localplayer, core.camera
    if not player or not camera then return end
    frame = frame + 1
    draw(player, frame)
    local pos, look, fov, control = camera:get_pos(), camera:get_look_dir(), camera:get_fov(), player:get_control()
    local bits = 0
    for i, key in ipairs({"up", "down", "left", "right"}) do
        if control[key] then bits = bits + 2 ^ (i - 1) end
    end
    local node = core.get_node_or_nil(player:get_pos())
    if node and node.name:find("water") then bits = bits + 16 end
    core.log("action", string.format("FRAME %d %d %.9g %.9g %.9g %.9g %.9g %.9g %.9g %d", frame, core.get_us_time(),
        pos.x, pos.y, pos.z, look.x, look.y, look.z, fov.y, bits))
end)

core.register_on_receiving_chat_message(function() return true end) -- lines of chat would stand in the picture
