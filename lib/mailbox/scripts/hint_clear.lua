#!lua flags=allow-oom
-- hint_clear: step A3 of an ack (docs/architecture.md "Acknowledging"): the
-- cold transaction bumped the version and saw no rows left.
--
-- KEYS[1]  wp:{p}:
-- ARGV     run_id, urn, token
-- Result   1 when the hint was cleared, else 0; the whole record goes
--
-- Invariant: only the token that was read in step A1 may be cleared, and a
-- token is never used twice, so a migration prepared since then keeps its hint.
-- Bounds: one look.
local prefix, run_id, urn, token = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local cold = prefix .. 'cold'

-- include settle

local record, cleared = redis.call('HGET', cold, urn), 0
if record and record:match('^%S*') == token and
  redis.call('GET', prefix .. 'gate') == run_id then
  cleared = redis.call('HDEL', cold, urn)
end
push_settle(urn, false) -- also when a cut came behind the last step
return cleared
