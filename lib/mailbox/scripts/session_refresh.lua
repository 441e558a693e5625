#!lua
-- session_refresh: somebody presents a refresh token (docs/architecture.md
-- "Sessions"). That it was issued, and by us, is proved before.
--
-- KEYS[1]  wp:{p}:
-- ARGV     run_id, session, generation of the token, claim, grace_ms, idle_s,
--          lives_s
--          claim: a text that was never used before
--          lives_s: for so long the access token that is given will live
-- Result   {"rotated"|"again"|"kept", generation, urn, device, day}
--            rotated: a child is given, of that generation
--            again: the same child, to whoever comes with its parent and may
--            not have got it
--            kept: it was given moments ago; it goes on being the right one,
--            and nothing is given
--            day: for which the store knows that the session was in use
--          {"ask", claim}  Redis does not know, or not in this life of its: ask
--            the store, then session_settle with this claim
--          {"reused"}  it was superseded, and the child is in use
--
-- Invariants
--   - A claim that is there was there before whoever is told it asks the
--     store: it stays, and session_end takes it away. With it goes what
--     session_close had counted by then.
--   - A generation is superseded at the earliest 2 * grace after it was given
--     for the last time but once; so no answer on its way is older than what
--     its client has.
--   - "reused" changes nothing: whether the request is young enough for that
--     to mean anything is not known here.
-- Not allow-oom: it makes claims for whatever sessions there once were.
local prefix, run_id, sid = KEYS[1], ARGV[1], ARGV[2]
local presented, claim = tonumber(ARGV[3]), ARGV[4]
local grace_ms, idle_s = tonumber(ARGV[5]), tonumber(ARGV[6])
local lives_s = tonumber(ARGV[7])
local CLAIM_S = 60

-- include clock

local key = prefix .. 'session:' .. sid
local found = redis.call('HMGET', key, 'g', 'r', 'k', 'v', 'c', 'u', 'd', 'y',
  'x')
local generation, since_ms = tonumber(found[1]), tonumber(found[2])
local is_used, life, claimed = found[3] == '1', found[4], found[5]
local urn, device, day = found[6], found[7], found[8]
local ends_s = tonumber(found[9])

-- include session_live

-- include token_lives

if not generation or life ~= run_id then
  local its_life, text = (claimed or ''):match('^(.*):%d+:(%x+)$')
  if its_life == run_id then
    claim = text
  else
    redis.call('HSET', key, 'c', run_id .. ':' ..
      (redis.call('GET', prefix .. 'closings') or '0') .. ':' .. claim)
  end
  if not generation then
    redis.call('EXPIRE', key, CLAIM_S)
  end
  return {'ask', claim}
end

-- What was given last, and when it may have been used first.
local function give(word, was_used, from_ms)
  token_lives(lives_s)
  redis.call('HSET', key, 'g', generation, 'k', was_used and '1' or '0', 'r',
    string.format('%d', from_ms))
  session_live(key, sid, urn, ends_s, idle_s)
  return {word, generation, urn, device or '', tonumber(day) or 0}
end

if since_ms > now_ms then -- the clock was set back
  since_ms = now_ms
end
local age_ms = now_ms - since_ms

-- Redis has lost what it knew of that: the token proves that it was given.
if presented > generation then
  generation = presented
  return give('kept', true, now_ms)
end
if presented == generation then
  if age_ms <= 2 * grace_ms then
    return give('kept', true, since_ms)
  end
  generation = presented + 1
  return give('rotated', false, now_ms)
end
if presented == generation - 1 then
  if not is_used then
    return give('again', false, now_ms)
  elseif age_ms <= grace_ms then
    return give('again', true, since_ms)
  end
end
return {'reused'}
