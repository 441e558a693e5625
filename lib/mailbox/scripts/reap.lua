#!lua flags=allow-oom
-- reap: take a dead incarnation's connections offline, a chunk at a time
-- (docs/architecture.md "Presence").
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, lease_ms, incarnation, counter, chunk, seen_ttl_seconds,
--          push
--          push: "<grace_ms>,<inactive_ms>" (parts/push_rules.lua), or "-"
--          counter: the heartbeat counter that has not changed for too long
-- Result   {"lost"}      somebody else owns the partition
--          {"alive"}     the counter moved, or it is gone already
--          {"more", n}   n connections were removed, call again
--          {"done", n}   and the incarnation is no longer in live
--
-- Invariants
--   - Staleness is judged again in this instant, once: from the first chunk on
--     the incarnation is "doomed" in live, and heartbeat and connect treat it
--     as gone. If it could beat again between two chunks, the connections of
--     the first would stay offline although they are open.
--   - Per connection: offline first, then the migration mark and what asks for
--     its user to be told, then at: forgets it; live goes last. A cut anywhere
--     leaves enough for the next call.
-- Bounds: chunk connections, fewer when it took long to see what waits for
-- them.
local prefix, owner, lease_ms = KEYS[1], ARGV[1], ARGV[2]
local inc, seen_ttl = ARGV[3], ARGV[6]
local push = ARGV[7]
local at = prefix .. 'at:' .. inc

-- include lease

local counter = redis.call('HGET', prefix .. 'live', inc)
if counter ~= ARGV[4] and counter ~= 'doomed' then
  return {'alive'}
end
redis.call('HSET', prefix .. 'live', inc, 'doomed')

-- include clock

-- include push_rules

-- include is_above

-- include push_nobody

-- include notify

-- include unpack_entry

-- include highest_waiting

-- include push_departed

-- include leaving

local function take_offline(conn, urn)
  local online = prefix .. 'online:' .. urn
  redis.call('HDEL', online, conn)
  if redis.call('EXISTS', online) == 0 then
    go_offline(urn, true, now_ms, now_ms)
  end
end

local members, removed = redis.call('SRANDMEMBER', at, ARGV[5]), 0
for _, member in ipairs(members) do
  local conn, urn = member:match('^(%S+) (.+)$')
  if urn then -- else no script of ours wrote it, and it is nobody's
    take_offline(conn, urn)
  end
  redis.call('SREM', at, member)
  removed = removed + 1
  if looks_are_over() then
    break
  end
end
if redis.call('EXISTS', at) == 1 then
  return {'more', removed}
end
redis.call('DEL', prefix .. 'due:' .. inc)
redis.call('HDEL', prefix .. 'live', inc)
return {'done', removed}
