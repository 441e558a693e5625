#!lua flags=no-writes,allow-oom
-- migrate_due: users whose waiting messages should move to the cold store now.
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, max_users, grace_ms
--          grace_ms: how far ahead a mark may be
-- Result   {"lost"} or {"ok", wait_ms, urn, …}, earliest first
--          wait_ms: when nobody is due, until somebody is; -1: no mark
--
-- The clock is Redis' own: marks were written with it. One that is further
-- ahead than any grace was written before the clock went back, and is due.
-- Bounds: max_users.
local prefix, owner = KEYS[1], ARGV[1]
local max_users, grace_ms = tonumber(ARGV[2]), tonumber(ARGV[3])

-- include owner

-- include clock

local due = redis.call('ZRANGEBYSCORE', prefix .. 'migrate', '-inf',
  string.format('%d', now_ms), 'LIMIT', 0, max_users)
local ahead = redis.call('ZRANGEBYSCORE', prefix .. 'migrate',
  string.format('(%d', now_ms + grace_ms), '+inf', 'LIMIT', 0,
  max_users - #due)
for _, urn in ipairs(ahead) do
  due[#due + 1] = urn
end
local wait_ms = -1
if #due == 0 then
  local first = redis.call('ZRANGE', prefix .. 'migrate', 0, 0, 'WITHSCORES')
  if first[2] then
    wait_ms = math.ceil(math.min(tonumber(first[2]) - now_ms, grace_ms))
  end
end
return {'ok', wait_ms, unpack(due)}
