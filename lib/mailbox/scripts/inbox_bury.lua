#!lua
-- inbox_bury: keep what a trusted producer handed over and nobody may be sent,
-- in a bounded room; the oldest gives way.
--
-- KEYS[1]  wp:inbox:dlq
-- ARGV     max_letters, max_bytes, bytes, field, value, …
--          max_bytes: of Redis' memory; bytes: of what is added, at most that
-- Result   how many had to go
--
-- What was never accepted may be forgotten; dead letters of partitions were,
-- and are kept. Without a bound a producer who goes on writing to a full
-- mailbox would fill Redis with what the mailbox was protected from.
--
-- No allow-oom: then the entry stays in the inbox.
--
-- Bounds: memory is asked for at most once for each eighth that goes.
-- Safe to repeat after a cut at any point: the letter is the last thing
-- written. Two letters of one entry have its key in common, and are accepted
-- once.
local key = KEYS[1]
local max_letters, max_bytes = tonumber(ARGV[1]), tonumber(ARGV[2])
local bytes = tonumber(ARGV[3])
local n, dropped = redis.call('XLEN', key), 0

local function keep(newest)
  dropped = dropped + redis.call('XTRIM', key, 'MAXLEN', newest)
  n = newest
end

if n >= max_letters then
  keep(max_letters - 1)
end
while n > 0 and
  redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0) + bytes > max_bytes do
  keep(n - math.ceil(n / 8))
end
redis.call('XADD', key, '*', unpack(ARGV, 4))
return dropped
