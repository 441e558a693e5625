#!lua flags=allow-oom
-- workers: announce a worker, or take it off the list, and see who is there.
--
-- KEYS[1]  wp:workers
-- ARGV     worker, ttl_ms, leaving ("1" or "0")
-- Result   {worker, …} in lexical order: everybody computes the same shares
--
-- Whoever has not announced itself for ttl_ms is dead. So is who did so in the
-- future, until it does so again: the clock went back, and a dead worker would
-- keep its share until that time comes.
local key = KEYS[1]
-- include clock
if ARGV[3] == '1' then
  redis.call('ZREM', key, ARGV[1])
else
  redis.call('ZADD', key, string.format('%d', now_ms), ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', key, '-inf',
  string.format('(%d', now_ms - tonumber(ARGV[2])))
redis.call('ZREMRANGEBYSCORE', key, string.format('(%d', now_ms), '+inf')
redis.call('PEXPIRE', key, tonumber(ARGV[2]) * 4)
local list = redis.call('ZRANGE', key, 0, -1)
table.sort(list)
return list
