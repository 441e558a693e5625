#!lua flags=no-writes,allow-oom
-- push_look: in which partitions is somebody due for push_take.lua
-- (docs/architecture.md "Push")? Most have nobody most of the time, and a look
-- at all of them costs less than a take of three.
--
-- KEYS     wp:{p}: of each
-- Result   "0" or "1" for each, in one string
-- Bounds: two looks for each partition.
local HORIZON_MS = 26 * 3600 * 1000 -- as in push_take.lua

-- include clock

local now = string.format('%d', now_ms)
local ahead = string.format('(%d', now_ms + HORIZON_MS)
local answer = {}
for i, prefix in ipairs(KEYS) do
  local pushdue = prefix .. 'pushdue'
  local is_due = redis.call('ZCOUNT', pushdue, '-inf', now) > 0 or
    redis.call('ZCOUNT', pushdue, ahead, '+inf') > 0
  answer[i] = is_due and '1' or '0'
end
return table.concat(answer)
