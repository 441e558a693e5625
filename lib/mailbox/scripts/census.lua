#!lua flags=no-writes,allow-oom
-- census: how much waits in some partitions, and for how long.
--
-- KEYS     wp:{p}: of each
-- Result   {now_ms, ingress, oldest_ms, marks, due_ms, dead}: entries of
--          ingress, and when the oldest of them was accepted; users who are
--          marked to be moved, and when the turn of the first of them comes;
--          dead letters. A time is 0 when there is none
-- Bounds: five looks for each partition, one of them at a whole entry.

-- include clock

-- A foreign key holds nothing of ours.
local function size(command, key)
  local n = redis.pcall(command, key)
  return type(n) == 'number' and n or 0
end

local function earlier(found, ms)
  return (found == 0 or ms < found) and ms or found
end

local ingress, oldest_ms, marks, due_ms, dead = 0, 0, 0, 0, 0
for _, prefix in ipairs(KEYS) do
  local n = size('XLEN', prefix .. 'ingress')
  if n > 0 then
    ingress = ingress + n
    local id = redis.call('XRANGE', prefix .. 'ingress', '-', '+',
      'COUNT', 1)[1][1]
    oldest_ms = earlier(oldest_ms, tonumber(id:match('^%d+')))
  end
  n = size('ZCARD', prefix .. 'migrate')
  if n > 0 then
    marks = marks + n
    local score = redis.call('ZRANGE', prefix .. 'migrate', 0, 0,
      'WITHSCORES')[2]
    due_ms = earlier(due_ms, math.floor(tonumber(score)))
  end
  dead = dead + size('XLEN', prefix .. 'dlq')
end
return {now_ms, ingress, oldest_ms, marks, due_ms, dead}
