#!lua flags=allow-oom
-- session_end: sessions whose rows are gone from the store end here too
-- (docs/architecture.md "Sessions"), and with them every claim on them.
--
-- KEYS[1]  wp:{p}:
-- ARGV     urn, session, … (none to 500)
--          urn: of their user; "" when only Redis knows
-- Result   {how many of them Redis knew, for how long at most an access token
--          may live that was given in this partition (s), 0 when none may}
--
-- A session of somebody else is left alone.
-- Bounds: the sessions that are named, three calls each.
local prefix = KEYS[1]
local n = 0
for i = 2, #ARGV do
  local sid, key = ARGV[i], prefix .. 'session:' .. ARGV[i]
  local urn = redis.call('HGET', key, 'u')
  if not urn or ARGV[1] == '' or urn == ARGV[1] then
    urn = urn or ARGV[1]
    if urn ~= '' then
      redis.call('ZREM', prefix .. 'sessions:' .. urn, sid)
    end
    n = n + redis.call('DEL', key)
  end
end
return {n, tonumber(redis.call('GET', prefix .. 'lives')) or 0}
