#!lua flags=no-writes,allow-oom
-- migrate_due: users whose waiting messages should move to the cold store now.
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, max_users
-- Result   {"lost"} or {"ok", urn, …}, earliest first
--
-- The clock is Redis' own: marks were written with it. No mark is ever written
-- MAX_GRACE_MS ahead of it, so one that is has seen the clock go back: due.
local prefix = KEYS[1]
if redis.call('GET', prefix .. 'owner') ~= ARGV[1] then
  return {'lost'}
end
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local MAX_GRACE_MS, max_users = 3600 * 1000, tonumber(ARGV[2])
local due = redis.call('ZRANGEBYSCORE', prefix .. 'migrate', '-inf',
  string.format('%d', now_ms), 'LIMIT', 0, max_users)
local ahead = redis.call('ZRANGEBYSCORE', prefix .. 'migrate',
  string.format('(%d', now_ms + MAX_GRACE_MS), '+inf', 'LIMIT', 0,
  max_users - #due)
for _, urn in ipairs(ahead) do
  due[#due + 1] = urn
end
return {'ok', unpack(due)}
