-- Obeys one command a line of command.txt and answers in state.txt, both in the world's folder.
-- A coloured square in the corner of the screen shows which command the picture belongs to.

local folder = minetest.get_worldpath()
local CODES, EYE, STEP, TURN, REACH = 6, 1.625, 0.5, math.rad(22.5), 5
local LITTLE = 0.25
local WIDE = 0.3  -- half of the body: so far the view stays from any block
local UP, DOWN = -0.3, 0.8  -- the farthest tilts in radians: land is always in the picture
local player, square, last, changed = nil, nil, -1, {}
local yaw, pitch = 0, 0

local function is_solid(x, y, z)
  local name = minetest.get_node({x = x, y = y, z = z}).name
  local node = minetest.registered_nodes[name]
  return name == "ignore" or (node and node.walkable)
end

local function is_water(x, y, z)
  local name = minetest.get_node({x = x, y = y, z = z}).name
  return minetest.get_item_group(name, "liquid") > 0
end

local function round(value)
  return math.floor(value + 0.5)
end

-- The places of blocks of one level that a body at (x, z) stands over: one to four.
local function footprint(x, z)
  local found = {}
  for at_x = round(x - WIDE), round(x + WIDE) do
    for at_z = round(z - WIDE), round(z + WIDE) do
      table.insert(found, {x = at_x, z = at_z})
    end
  end
  return found
end

-- Whether a body can stand at (x, z) with its feet in the blocks of level y.
local function fits(x, y, z)
  local is_held = false
  for _, at in ipairs(footprint(x, z)) do
    if is_solid(at.x, y, at.z) or is_solid(at.x, y + 1, at.z) or is_water(at.x, y, at.z) then
      return false
    end
    is_held = is_held or is_solid(at.x, y - 1, at.z)
  end
  return is_held
end

local function look()
  player:set_look_horizontal(yaw)
  player:set_look_vertical(pitch)
end

-- One step, at most one block up or down, so that every way can be gone back.
local function walk(ahead, left)
  local here = player:get_pos()
  local x = here.x - math.sin(yaw) * ahead - math.cos(yaw) * left
  local z = here.z + math.cos(yaw) * ahead - math.sin(yaw) * left
  local y = round(here.y)
  for _, rise in ipairs({0, 1, -1}) do
    if fits(x, y + rise, z) and (rise < 1 or not is_solid(round(here.x), y + 2, round(here.z))) then
      player:set_pos({x = x, y = y + rise - 0.5, z = z})
      return
    end
  end
end

local function pointed()
  local eye = vector.add(player:get_pos(), {x = 0, y = EYE, z = 0})
  local way = player:get_look_dir()
  for hit in minetest.raycast(eye, vector.add(eye, vector.multiply(way, REACH)), false, false) do
    if hit.type == "node" then
      return hit
    end
  end
end

local function change(at, name)
  table.insert(changed, {at = at, was = minetest.get_node(at)})
  minetest.swap_node(at, {name = name})
end

local function dig()
  local hit = pointed()
  if hit then
    change(hit.under, "air")
  end
end

local function place()
  local hit = pointed()
  local here = player:get_pos()
  local at = hit and hit.above
  if not at then
    return
  end
  for _, own in ipairs(footprint(here.x, here.z)) do
    if at.x == own.x and at.z == own.z and at.y - round(here.y) < 2 then
      return
    end
  end
  change(at, "default:brick")
end

local commands = {
  ["go forward"] = function() walk(STEP, 0) end,
  ["go back"] = function() walk(-STEP, 0) end,
  ["step left"] = function() walk(0, STEP) end,
  ["step right"] = function() walk(0, -STEP) end,
  ["turn left"] = function() yaw = yaw + TURN end,
  ["turn right"] = function() yaw = yaw - TURN end,
  ["turn left a little"] = function() yaw = yaw + TURN * LITTLE end,
  ["turn right a little"] = function() yaw = yaw - TURN * LITTLE end,
  ["tilt the view up"] = function() pitch = math.max(pitch - TURN / 4, UP) end,
  ["tilt the view down"] = function() pitch = math.min(pitch + TURN / 4, DOWN) end,
  ["dig the block"] = dig,
  ["set a brick"] = place,
}

local function revert()
  for index = #changed, 1, -1 do
    minetest.swap_node(changed[index].at, changed[index].was)
  end
  changed = {}
end

local function answer(id)
  local at = player:get_pos()
  local hit = pointed()
  local under = hit and hit.under or {x = 0, y = 0, z = 0}
  local text = string.format("%d %.4f %.4f %.4f %.5f %.5f %d %d %d %d", id, at.x, at.y, at.z, yaw,
    pitch, hit and 1 or 0, under.x, under.y, under.z)
  minetest.safe_file_write(folder .. "/state.txt", text)
  player:hud_change(square, "text", "twospeed_" .. (id % CODES) .. ".png")
  last = id
end

-- Finds low land near a place, in ever wider rings, without making the land yet.
local function find_land(x, z)
  for ring = 0, 400 do
    local at_x, at_z = x + 23 * ring, z + 17 * ring
    local level = minetest.get_spawn_level(at_x, at_z)
    if level then
      return at_x, level, at_z
    end
  end
  return x, 2, z
end

-- Puts the player on the ground of the nearest low land, once it is there.
local function settle(id, x, z, turn)
  local level
  x, level, z = find_land(x, z)
  local low, high = {x = x - 8, y = level - 8, z = z - 8}, {x = x + 8, y = level + 24, z = z + 8}
  minetest.emerge_area(low, high, function(_, _, left)
    if left > 0 then
      return
    end
    for y = level - 6, level + 22 do
      if fits(x, y, z) then
        yaw, pitch = turn, 0.15
        player:set_pos({x = x, y = y - 0.5, z = z})
        look()
        minetest.after(0.5, answer, id)
        return
      end
    end
    settle(id, x + 23, z + 17, turn)
  end)
end

local function obey(line)
  local id, rest = line:match("^(%d+) (.+)$")
  id = tonumber(id)
  if not id or id == last then
    return
  end
  local x, z, turn = rest:match("^reset (%-?%d+) (%-?%d+) ([%d%.]+)$")
  if x then
    last = id
    revert()
    settle(id, tonumber(x), tonumber(z), tonumber(turn))
  else
    commands[rest]()
    look()
    answer(id)
  end
end

minetest.register_on_joinplayer(function(joined)
  player = joined
  minetest.set_timeofday(0.5)
  player:set_physics_override({speed = 0, jump = 0, gravity = 0})
  player:set_clouds({density = 0})
  player:hud_set_flags({hotbar = false, healthbar = false, crosshair = false, wielditem = false,
    breathbar = false, minimap = false, basic_debug = false})
  square = player:hud_add({hud_elem_type = "image", position = {x = 0, y = 0},
    alignment = {x = 1, y = 1}, scale = {x = 8, y = 8}, text = "twospeed_0.png"})
end)

minetest.register_globalstep(function()
  if not player then
    return
  end
  local file = io.open(folder .. "/command.txt", "r")
  if file then
    local line = file:read("*l")
    file:close()
    if line then
      obey(line)
    end
  end
end)
