#!lua
-- session_settle: the store has a row of the session, new or old, since the
-- claim was made (docs/architecture.md "Sessions").
--
-- KEYS[1]  wp:{p}:
-- ARGV     run_id, session, claim, generation, urn, ends_s, idle_s, device,
--          day, max_sessions, lives_s
--          generation: of the token that was presented; 0 of a new session
--          lives_s: for so long the access token of a new one will live
--          ends_s: when it ends though it be in use, seconds since 1970
-- Result   {"ok"}
--          {"lost"}  the claim is not there any more: it was settled, or
--            ended, or Redis has lost it; or all sessions of the user were
--            about to end since. Refresh again, from the start
--
-- Invariants
--   - Whoever ends a session deletes its row first and calls session_end then,
--     which takes the claim away. So a claim that is still there says that the
--     row which was found after it is there too, or that its end is yet to
--     come here.
--   - An end that was cut off behind the row does not come. Who repeats it, and
--     does not know of the row any more, has called session_close: a claim of
--     before is void.
--   - What Redis knows of generations is kept: a lost tail is older than the
--     truth, but not wrong.
--   - Beyond max_sessions those that end next are forgotten. The store decides
--     how many there may be: one that has a row is settled again.
-- Bounds: those beyond max_sessions, mostly one: each call takes away what an
-- earlier, higher one has left; two calls each.
-- The claim goes last, so a call that was cut off can be repeated.
local prefix, run_id, sid = KEYS[1], ARGV[1], ARGV[2]
local urn, ends_s, idle_s = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local max_sessions = tonumber(ARGV[10])

-- include clock

-- include session_live

-- include token_lives

local key, list = prefix .. 'session:' .. sid, prefix .. 'sessions:' .. urn
local found = redis.call('HMGET', key, 'c', 'g', 'k')
local life, closings, claim = (found[1] or ''):match('^(.*):(%d+):(%x+)$')
if life ~= run_id or claim ~= ARGV[3] then
  return {'lost'}
end
if tonumber(redis.call('GET', prefix .. 'closed:' .. urn) or 0) >
  tonumber(closings) then
  redis.call('HDEL', key, 'c') -- another one may be made
  return {'lost'}
end
token_lives(tonumber(ARGV[11]))
redis.call('HSET', key, 'u', urn, 'g', found[2] or ARGV[4], 'k',
  found[3] or '0', 'r', string.format('%d', now_ms), 'v', run_id, 'x', ends_s,
  'd', ARGV[8], 'y', ARGV[9])
redis.call('ZREMRANGEBYSCORE', list, '-inf', now_s)
session_live(key, sid, urn, ends_s, idle_s)
local n = redis.call('ZCARD', list)
if n > max_sessions then
  for _, other in ipairs(redis.call('ZRANGE', list, 0, n - max_sessions - 1)) do
    if other ~= sid then
      redis.call('DEL', prefix .. 'session:' .. other)
      redis.call('ZREM', list, other)
    end
  end
end
redis.call('HDEL', key, 'c')
return {'ok'}
