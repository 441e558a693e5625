#!lua flags=allow-oom
-- session_seen: what is known of a session by now (docs/architecture.md
-- "Sessions").
--
-- KEYS[1]  wp:{p}:
-- ARGV     session, generation, day
--          generation: of an access token that showed up, or ""
--          day: for which the store knows that the session is in use, or ""
-- Result   1 when that was the present generation, else 0
--
-- A session that Redis does not know is not begun by this.
local key = KEYS[1] .. 'session:' .. ARGV[1]
local generation = redis.call('HGET', key, 'g')
if not generation then
  return 0
end
if ARGV[3] ~= '' then
  redis.call('HSET', key, 'y', ARGV[3])
end
if generation ~= ARGV[2] then
  return 0
end
redis.call('HSET', key, 'k', '1')
return 1
