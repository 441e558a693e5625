#!lua
-- login_begin: somebody is about to guess a password (docs/architecture.md
-- "Logins"). The attempt is counted before it is made, so that many at once
-- are counted one by one.
--
-- KEYS[1]  wp:{p}:
-- ARGV     who, attempt
--          who: urn, or "<urn>#<device>"
--          attempt: a text that was never used before, without blanks
-- Result   {"ok", n}: it is the n-th in a row that has not succeeded
--          {"wait", seconds}: it may not be made yet, and was not counted
--          {"locked"}: nor ever, until somebody unlocks it
--
-- Not allow-oom: without counting nobody may guess.
local who, attempt = ARGV[1], ARGV[2]
local FREE, MOST, WAIT_MAX_S = 5, 100, 900
local TTL_S, LONG_TTL_S = 900, 7 * 86400

-- include clock

local key = KEYS[1] .. 'login:' .. who
local record = redis.call('GET', key)
local n, last_ms, its_attempt = 0, 0, ''
if record then
  n, last_ms, its_attempt = record:match('^(%d+) (%d+) (%S*)$')
  n, last_ms = tonumber(n) or 0, tonumber(last_ms) or 0
end
if its_attempt == attempt then -- a call that was cut off
  return {'ok', n}
end
if n >= MOST then
  return {'locked'}
end
if n >= FREE then
  local wait_ms = 1000 * math.min(WAIT_MAX_S, 2 ^ (n - FREE))
  local left_ms = math.min(wait_ms, last_ms + wait_ms - now_ms)
  if left_ms > 0 then
    return {'wait', math.ceil(left_ms / 1000)}
  end
end
n = n + 1
redis.call('SET', key, string.format('%d %d %s', n, now_ms, attempt), 'EX',
  n < FREE and TTL_S or LONG_TTL_S)
return {'ok', n}
