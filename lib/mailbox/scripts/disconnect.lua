#!lua flags=allow-oom
-- disconnect: forget exactly one connection (ARCHITECTURE 4.6).
--
-- KEYS[1]  wp:{p}:
-- ARGV     connection, urn, grace_ms, seen_ttl_seconds, push_max
--          push_max: about how many notification commands are kept; 0 or left
--          out: nobody wants any
-- Result   {"ok", left}: connections that the user still has
--
-- Invariants
--   - Removes only its own connection id, so a late call cannot take a
--     reconnected user offline. When it was the last one and messages wait, the
--     user is marked for migration, and a notification is asked for unless one
--     was for the same messages, before at:<incarnation> forgets the connection.
--   - Who was not there was not seen: a daemon that does not know whether a
--     connect was done takes it back by this call. The mark comes all the same:
--     an eviction that was cut off leaves a user without it.
local prefix, conn, urn = KEYS[1], ARGV[1], ARGV[2]
local online = prefix .. 'online:' .. urn
local push_max, NOTIFIED_SECONDS = tonumber(ARGV[5] or '0'), 30 * 24 * 3600

-- include is_above

-- include notify

-- include highest_waiting

local at = prefix .. 'at:' .. conn:match('^(.*)%.')
local was_known = redis.call('SISMEMBER', at, conn .. ' ' .. urn) == 1 or
  redis.call('HEXISTS', online, conn) == 1
redis.call('HDEL', online, conn)
local left = redis.call('HLEN', online)
if left == 0 then
  local time = redis.call('TIME')
  local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  if was_known then
    redis.call('SET', prefix .. 'seen:' .. urn, time[1], 'EX', ARGV[4])
  end
  if redis.call('EXISTS', prefix .. 'hot:' .. urn, prefix .. 'hot!:' .. urn) > 0 then
    redis.call('ZADD', prefix .. 'migrate', 'LT',
      string.format('%d', now_ms + tonumber(ARGV[3])), urn)
    local id = push_max > 0 and highest_waiting(urn, now_ms)
    if id then
      notify(urn, id)
    end
  end
end
redis.call('SREM', at, conn .. ' ' .. urn)
return {'ok', left}
