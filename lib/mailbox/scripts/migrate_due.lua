#!lua flags=no-writes,allow-oom
-- migrate_due: users whose waiting messages should move to the cold store now.
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, max_users
-- Result   {"lost"} or {"ok", urn, …}, earliest first
--
-- The clock is Redis' own: marks were written with it.
local prefix = KEYS[1]
if redis.call('GET', prefix .. 'owner') ~= ARGV[1] then
  return {'lost'}
end
local time = redis.call('TIME')
local now_ms = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
return {'ok', unpack(redis.call('ZRANGEBYSCORE', prefix .. 'migrate', '-inf',
  now_ms, 'LIMIT', 0, ARGV[2]))}
