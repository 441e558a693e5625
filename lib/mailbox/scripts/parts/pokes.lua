-- exports incarnations, publish_pokes
-- Daemons that hold a connection of the user.
local function incarnations(prefix, urn)
  local list, seen = {}, {}
  for _, conn in ipairs(redis.call('HKEYS', prefix .. 'online:' .. urn)) do
    local inc = conn:match('^(.*)%.')
    if inc and not seen[inc] then
      seen[inc] = true
      list[#list + 1] = inc
    end
  end
  return list
end

-- Tell each daemon of its users: incarnation -> urns.
local function publish_pokes(pokes)
  local BATCH = 500
  for inc, urns in pairs(pokes) do
    for i = 1, #urns, BATCH do
      redis.call('PUBLISH', 'wp:poke:' .. inc,
        'p ' .. table.concat(urns, ',', i, math.min(i + BATCH - 1, #urns)))
    end
  end
end
