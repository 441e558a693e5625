#!lua flags=no-writes,allow-oom
-- alive: is anything in a hot queue that has not expired, beside what is known
-- already? So a heap of what has expired is not read for nothing
-- (docs/architecture.md "Pulling").
--
-- KEYS[1]  wp:{p}:
-- ARGV     urn, then what is known, as the index names it: ids, with "!" before
--          those of the high band
-- Result   0 when nothing is; 1 when something is, or nobody knows
--
-- Bounds: one look for each that is known; a page has at most 500.
local prefix, urn = KEYS[1], ARGV[1]
local index = prefix .. 'index:' .. urn
local CHUNK = 500

-- include clock

-- include index_score

local waiting = redis.call('XLEN', prefix .. 'hot:' .. urn) +
  redis.call('XLEN', prefix .. 'hot!:' .. urn)
if waiting == 0 then
  return 0
elseif redis.pcall('ZCARD', index) ~= waiting then
  return 1
end
local from = index_alive(now_ms)
local alive = redis.call('ZCOUNT', index, from, '+inf')
from = tonumber(from)
for i = 2, #ARGV, CHUNK do
  local scores = redis.call('ZMSCORE', index,
    unpack(ARGV, i, math.min(i + CHUNK - 1, #ARGV)))
  for _, score in ipairs(scores) do
    if score and tonumber(score) >= from then
      alive = alive - 1
    end
  end
end
return alive > 0 and 1 or 0
