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
local cold = KEYS[1] .. 'cold'
local record = redis.call('HGET', cold, ARGV[2])
if not record or record:match('^%S*') ~= ARGV[3] or
  redis.call('GET', KEYS[1] .. 'gate') ~= ARGV[1] then
  return 0
end
return redis.call('HDEL', cold, ARGV[2])
