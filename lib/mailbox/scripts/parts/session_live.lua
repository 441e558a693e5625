-- exports session_live
-- needs prefix, now_s
-- A session in use lives on until it is idle for too long, or ends; so does
-- the list of its user's sessions, which nobody of them outlives.
local function session_live(key, sid, urn, ends_s, idle_s)
  local left_s = math.max(1, math.min(idle_s, ends_s - tonumber(now_s)))
  local list = prefix .. 'sessions:' .. urn
  redis.call('EXPIRE', key, left_s)
  redis.call('ZADD', list, string.format('%d', now_s + left_s), sid)
  redis.call('EXPIRE', list, idle_s)
end
