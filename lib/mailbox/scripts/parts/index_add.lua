-- exports index_add, index_drop
-- needs prefix, index_score
-- Keep index:<urn> when something comes into hot; index.lua when it leaves.

-- Before the entry is in hot. Returns true when it was not in the index.
local function index_add(urn, member, expires_ms, size)
  local key = prefix .. 'index:' .. urn
  local score = string.format('%d', index_score(expires_ms, size))
  local added = redis.pcall('ZADD', key, score, member)
  if type(added) ~= 'number' then -- a foreign key; an index can be made anew
    redis.call('DEL', key)
    added = redis.call('ZADD', key, score, member)
  end
  return added == 1
end

-- It came to no entry in hot after all.
local function index_drop(urn, member)
  redis.pcall('ZREM', prefix .. 'index:' .. urn, member)
end
