#!lua flags=allow-oom
-- cold_size: what mailboxes hold in the cold store, for the quota of send.
--
-- KEYS[1]  wp:{p}:
-- ARGV     urn, version, n, bytes, … for each user
--          n and bytes as of that version of the user's box
-- Result   {"ok"}
--
-- Invariant: a hint is never made by this, so a user without one has no size.
-- Bounds: the users that are named, one look each.
local cold = KEYS[1] .. 'cold'

-- include cold_record

-- include cold_told

for i = 1, #ARGV, 4 do
  local record = redis.call('HGET', cold, ARGV[i])
  record = record and
    cold_told(record, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
  if record then
    redis.call('HSET', cold, ARGV[i], record)
  end
end
return {'ok'}
