#!lua flags=allow-oom
-- workers: announce a worker, or take it off the list, and see who is there.
--
-- KEYS[1]  wp:workers
-- ARGV     worker, ttl_ms, leaving ("1" or "0")
-- Result   {worker, …} in lexical order: everybody computes the same shares
local key = KEYS[1]
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[3] == '1' then
  redis.call('ZREM', key, ARGV[1])
else
  redis.call('ZADD', key, string.format('%d', now_ms), ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', key, '-inf',
  string.format('(%d', now_ms - tonumber(ARGV[2])))
redis.call('PEXPIRE', key, tonumber(ARGV[2]) * 4)
local list = redis.call('ZRANGE', key, 0, -1)
table.sort(list)
return list
