#!lua flags=allow-oom
-- push_forward: an operator says that all is well with an app again: some of
-- those who wait for a provider are looked at soon, and what failed to the
-- app's devices is tried at once (docs/architecture.md "Push").
--
-- KEYS[1]  wp:{p}:
-- ARGV     app, cursor, after_ms, within_ms, each_ms, most_ms, seed
--          cursor: "0", then what the last call has answered
--          after_ms: nobody is looked at sooner than so long from now
--          within_ms: who is looked at later than that waits for something else
--          each_ms, most_ms: for each who is brought forward the last of them
--          is so much later, up to so much
--          seed: of chance, of this call alone
-- Result   {cursor, n}: cursor "0" when all have been seen; n who were brought
--          forward, or have it written down that they are looked at again
--
-- Invariants
--   - Nobody is looked at later for it, and the score of a claim is not
--     lowered: whoever has it is to look again.
--   - Of whom nothing is remembered was never claimed, waits for no provider,
--     and keeps his time.
--   - The app is written down before he is looked at: what failed to a device
--     of it was before. Who tells it takes that away.
--   - Whoever waits for something else is looked at in vain, and told nothing.
--   - Who cannot be looked at, for a foreign key is in the place of his, is
--     left out, and holds up nobody else.
-- Bounds: a page of ZSCAN, about 100 members (redis.io SCAN).
-- Safe to repeat after a cut at any point, and when it was done.
local prefix, app, cursor = KEYS[1], ARGV[1], ARGV[2]
local after_ms, within_ms = tonumber(ARGV[3]), tonumber(ARGV[4])
local each_ms, most_ms = tonumber(ARGV[5]), tonumber(ARGV[6])
local PAGE = 100
local pushdue = prefix .. 'pushdue'

-- include clock

math.randomseed(tonumber(ARGV[7]))

local first_ms, last_ms = now_ms + after_ms, now_ms + within_ms
local there_are = redis.call('ZCOUNT', pushdue,
  string.format('(%d', first_ms), string.format('%d', last_ms))
local spread_ms = math.min(there_are * each_ms, most_ms)

-- Returns whether he is looked at for it.
local function bring_forward(urn)
  local key = prefix .. 'pushed:' .. urn
  local known = redis.call('HMGET', key, 'busy', 'resumed')
  if redis.call('EXISTS', key) == 0 then
    return false
  end
  local apps = known[2] or '\n'
  if not apps:find('\n' .. app .. '\n', 1, true) then
    redis.call('HSET', key, 'resumed', apps .. app .. '\n')
  end
  if known[1] then
    redis.call('HSET', key, 'woken', '1')
  else
    redis.call('ZADD', pushdue, 'LT',
      string.format('%d', first_ms + math.random(0, spread_ms)), urn)
  end
  return true
end

local page = redis.call('ZSCAN', pushdue, cursor, 'COUNT', PAGE)
local n = 0
for i = 1, #page[2], 2 do
  local at_ms = tonumber(page[2][i + 1])
  if at_ms > first_ms and at_ms <= last_ms then
    local is_fit, is_brought = pcall(bring_forward, page[2][i])
    if is_fit and is_brought then
      n = n + 1
    end
  end
end
return {page[1], n}
