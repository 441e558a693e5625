#!lua flags=allow-oom
-- disconnect: forget exactly one connection (docs/architecture.md "Presence").
--
-- KEYS[1]  wp:{p}:
-- ARGV     connection, urn, grace_ms, seen_ttl_seconds, push
--          push: "<grace_ms>,<inactive_ms>" (parts/push_rules.lua), or "-"
-- Result   {"ok", left}: connections that the user still has
--
-- Invariants
--   - Removes only its own connection id, so a late call cannot take a
--     reconnected user offline. When it was the last one and messages wait, the
--     user is marked for migration, and is to be told of them unless that was
--     asked for before, both before at:<incarnation> forgets the connection.
--   - Who was not there was not seen: a daemon that does not know whether a
--     connect was done takes it back by this call. The mark comes all the same:
--     an eviction that was cut off leaves a user without it.
local prefix, conn, urn = KEYS[1], ARGV[1], ARGV[2]
local online = prefix .. 'online:' .. urn
local grace_ms, seen_ttl = tonumber(ARGV[3]), ARGV[4]
local push = ARGV[5]

-- include push_rules

-- include is_above

-- include push_nobody

-- include notify

-- include unpack_entry

-- include highest_waiting

local at = prefix .. 'at:' .. conn:match('^(.*)%.')
local was_known = redis.call('SISMEMBER', at, conn .. ' ' .. urn) == 1 or
  redis.call('HEXISTS', online, conn) == 1
redis.call('HDEL', online, conn)
local left, is_marked = redis.call('HLEN', online), false
if left == 0 then
  -- include clock

  -- include push_departed

  -- include leaving

  is_marked = go_offline(urn, was_known, now_ms + grace_ms, now_ms + grace_ms)
end
redis.call('SREM', at, conn .. ' ' .. urn)

-- The worker asks now and then who is due; ring, for it may be sooner.
local owner = is_marked and redis.call('GET', prefix .. 'owner')
if owner then
  redis.call('PUBLISH', 'wp:bell:' .. owner:match(':(.*)$'),
    'due ' .. prefix:match('{(%d+)}'))
end
return {'ok', left}
