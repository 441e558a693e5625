-- exports now_s, now_ms
-- The time by Redis' clock, the same all through a script: seconds since 1970
-- as Redis says them, in a string, and milliseconds.
local now_s, now_ms
do
  local time = redis.call('TIME')
  now_s, now_ms = time[1], time[1] * 1000 + math.floor(time[2] / 1000)
end
