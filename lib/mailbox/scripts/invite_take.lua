#!lua flags=allow-oom
-- invite_take: somebody uses an invite. How often is counted by who they are,
-- so whoever comes again uses it once.
--
-- KEYS[1]  wp:{p}:
-- ARGV     hash of the invite, who
-- Result   1 when it is good, else 0: unknown, or used up; or it has no end,
--          and so was cut off while it was put
local key = KEYS[1] .. 'invite:' .. ARGV[1]
local who = 'by ' .. ARGV[2]
local uses = tonumber(redis.call('HGET', key, 'uses'))
if not uses or redis.call('TTL', key) < 0 then
  return 0
end
if redis.call('HEXISTS', key, who) == 0 then
  if redis.call('HLEN', key) - 1 >= uses then
    return 0
  end
  redis.call('HSET', key, who, '1')
end
return 1
