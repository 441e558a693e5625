#!lua
-- limit: add to what somebody has spent (docs/architecture.md "Limits").
--
-- KEYS[1]  wp:{p}:
-- ARGV     class, who, cost: the time that gives it back; age: since when it
--          was spent; window: the time that fills a bucket; keep: the age that
--          a sum may have; most: no bucket is emptier (all in microseconds)
-- Result   how long until the bucket is full, in microseconds
--
-- A bucket is the time at which it is full. Sums come late and out of order,
-- and each counts as of when its first unit was spent. So the record has, too:
-- base, the latest such time at which the bucket was full, and spare, what
-- nobody had taken by then, a burst at most. What was spent before base comes
-- out of spare, as far as there was time until base: the bucket was full then
-- all the same.
--
-- There is one write, the last call: cut before it, nothing was charged. Nobody
-- runs it again, so nobody is charged twice.
local key = KEYS[1] .. 'rate:' .. ARGV[1] .. ':' .. ARGV[2]
local cost, age = tonumber(ARGV[3]), tonumber(ARGV[4])
local window, keep = tonumber(ARGV[5]), tonumber(ARGV[6])
local most = tonumber(ARGV[7])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local since = now - age
local record = redis.call('GET', key) or ''
local full, base, spare = record:match('^(%d+) (%d+) (%d+)$')
full, base, spare = tonumber(full), tonumber(base), tonumber(spare)

if not full then
  full, base, spare = since, since, window
elseif since > full then
  full, base, spare = since, since, math.min(window, spare + since - full)
elseif since < base then
  local used = math.min(cost, spare, base - since)
  spare, cost = spare - used, cost - used
end
-- A clock that was set back leaves times that are far ahead.
full = math.min(full + cost, now + most)
redis.call('SET', key, string.format('%.0f %.0f %.0f', full, base, spare),
  'PX', math.max(1, math.ceil((full + keep - now) / 1000)))
return math.max(0, full - now)
