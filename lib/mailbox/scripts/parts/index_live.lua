-- exports live_in_hot
-- needs prefix, index_alive
-- How many of the n entries in hot have not expired; n when the index does not
-- know, which is no less.
local function live_in_hot(urn, n, now_ms)
  local index = prefix .. 'index:' .. urn
  if n > 0 and redis.pcall('ZCARD', index) == n then
    return redis.call('ZCOUNT', index, index_alive(now_ms), '+inf')
  end
  return n
end
