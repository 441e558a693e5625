#!lua flags=allow-oom
-- cold_size: what mailboxes hold in the cold store, for the quota of send.
--
-- KEYS[1]  wp:{p}:
-- ARGV     urn, version, n, bytes, … for each user
--          n and bytes as of that version of the user's box
-- Result   {"ok"}
--
-- Invariants
--   - A version that is older than what is known changes nothing: versions only
--     rise, so late writers cannot overwrite the truth.
--   - There is a size only where there is a hint, so that none outlives it.
-- Bounds: the users that are named, one look each.
local prefix = KEYS[1]
local cold, sizes = prefix .. 'cold', prefix .. 'coldsize'

for i = 1, #ARGV, 4 do
  local urn, version = ARGV[i], tonumber(ARGV[i + 1])
  local known = redis.call('HGET', sizes, urn)
  if redis.call('HEXISTS', cold, urn) == 0 then
    redis.call('HDEL', sizes, urn)
  elseif not known or tonumber(known:match('^%d+')) < version then
    redis.call('HSET', sizes, urn,
      table.concat({ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]}, ' '))
  end
end
return {'ok'}
