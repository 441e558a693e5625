#!lua flags=allow-oom
-- ingress_raise: make sure that new ids are above every id that the cold store
-- has seen, although Redis may have lost its memory (ARCHITECTURE 4.7).
--
-- KEYS[1]  wp:{p}:
-- ARGV     owner, lease_ms, ms, seq
-- Result   {"lost"} or {"ok", raised}
--
-- Invariants
--   - The last id only rises, and by one command, so that no placeholder entry
--     can be left behind.
--   - An unfinished send is forgotten before that: settled afterwards, it would
--     take the raised id for its own and answer for a message that is nowhere.
-- Bounds: a dozen words about a stream.
local prefix = KEYS[1]
local ingress = prefix .. 'ingress'
local floor = ARGV[3] .. '-' .. ARGV[4]

if redis.call('GET', prefix .. 'owner') ~= ARGV[1] then
  return {'lost'}
end
redis.call('PEXPIRE', prefix .. 'owner', ARGV[2])

local function last_generated_id()
  local info = redis.call('XINFO', 'STREAM', ingress)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      return info[i + 1]
    end
  end
end

-- include is_above

local exists = redis.call('EXISTS', ingress) == 1
if not is_above(floor, exists and last_generated_id() or '0-0') then
  return {'ok', 0}
end
redis.call('DEL', prefix .. 'intent')
if exists then
  redis.call('XSETID', ingress, floor)
else
  redis.call('XADD', ingress, 'MAXLEN', 0, floor, 'raise', '')
end
return {'ok', 1}
