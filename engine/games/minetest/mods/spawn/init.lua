-- The server's mod: puts the player onto walkable ground that the seed picks, hides the HUD, sets how fast one walks.

local settings = core.settings
local random = PcgRandom(tonumber(settings:get("worldloom_start_seed")))
local REACH, TRIES, AROUND = 600, 400, 40
local GREEN_TRIES, OPEN_METRES = 12, 4 -- so often a place without grass or with a wall in the face is passed over
local tried = 0

-- A place on land above water, or nil where none was found.
local function find_place()
    for _ = 1, TRIES do
        local x, z = random:next(-REACH, REACH), random:next(-REACH, REACH)
        local y = core.get_spawn_level(x, z)
        if y and y > 2 then return {x = x, y = y, z = z} end
    end
end

-- The first free node above ground near y, once the map is there; get_spawn_level only estimates.
local function settle(place)
    for y = place.y + 30, place.y - 30, -1 do
        local node = core.get_node({x = place.x, y = y, z = place.z})
        local kind = core.registered_nodes[node.name]
        if kind and kind.walkable and node.name ~= "ignore" then
            return {x = place.x, y = y + 0.5, z = place.z}, node.name
        elseif kind and kind.liquidtype ~= "none" then
            return nil, node.name
        end
    end
    return nil, "nothing"
end

-- Whether the view from the ground is free for some metres to at least six of eight sides.
local function is_open(ground)
    local free = 0
    for side = 0, 7 do
        local direction, clear = vector.new(math.cos(side * math.pi / 4), 0, math.sin(side * math.pi / 4)), true
        for metres = 1, OPEN_METRES do
            local at = vector.round(vector.add(vector.offset(ground, 0, 2, 0), vector.multiply(direction, metres)))
            local kind = core.registered_nodes[core.get_node(at).name]
            clear = clear and kind ~= nil and not kind.walkable
        end
        if clear then free = free + 1 end
    end
    return free >= 6
end

local function is_good(ground, node)
    if not ground or node:find("leaves") or node:find("tree") or node:find("cactus") then return false end
    tried = tried + 1
    return tried > GREEN_TRIES or ((node:find("grass") or node:find("litter") or node:find("moss")) ~= nil and is_open(ground))
end

local function place_player(name)
    local place = find_place()
    if not place then
        core.log("error", "SPAWN none")
        return
    end
    local low, high = vector.subtract(place, AROUND), vector.add(place, AROUND)
    core.emerge_area(low, high, function(_, _, remaining)
        if remaining > 0 then return end
        local player = core.get_player_by_name(name)
        if not player then return end
        local ground, node = settle(place)
        if not is_good(ground, node) then return place_player(name) end
        player:set_pos(ground)
        player:set_look_horizontal(random:next(0, 359) * math.pi / 180)
        player:set_look_vertical(0)
        core.log("action", string.format("SPAWN %s %s", core.pos_to_string(ground), node))
    end)
end

core.register_on_joinplayer(function(player)
    player:hud_set_flags({hotbar = false, healthbar = false, crosshair = false, wielditem = false,
        breathbar = false, minimap = false, minimap_radar = false, basic_debug = false})
    player:set_physics_override({speed = tonumber(settings:get("worldloom_walk_speed"))})
    core.set_timeofday(tonumber(settings:get("worldloom_time_of_day")))
    place_player(player:get_player_name())
end)
