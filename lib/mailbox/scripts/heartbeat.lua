#!lua flags=allow-oom
-- heartbeat: an incarnation is alive; hand over whom it must poke
-- (docs/architecture.md "Presence").
--
-- KEYS[1]  wp:{p}:
-- ARGV     incarnation, max_members
-- Result   {"gone"}  the incarnation was or is being reaped: take a new one
--          {"ok", more, member, …}
--          a member is a urn to poke, or "!<connection>" to close with 4409;
--          more 1 when the call should be repeated at once
--
-- The due set is the guarantee behind Pub/Sub: what is handed over here is
-- forgotten here. When the answer is lost, so is the connection, and the daemon
-- then takes a new incarnation and pokes everybody who has something waiting.
-- Bounds: max_members.
local prefix, inc = KEYS[1], ARGV[1]
local due = prefix .. 'due:' .. inc
local counter = redis.call('HGET', prefix .. 'live', inc)
if not counter or counter == 'doomed' then
  return {'gone'}
end
redis.call('HINCRBY', prefix .. 'live', inc, 1)
local members = redis.call('SPOP', due, ARGV[2])
return {'ok', redis.call('EXISTS', due), unpack(members)}
