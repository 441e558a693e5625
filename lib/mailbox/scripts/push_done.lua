#!lua flags=allow-oom
-- push_done: what has become of a claim of push_take.lua (docs/architecture.md
-- "Push").
--
-- KEYS[1]  wp:{p}:
-- ARGV     urn, claim, want, next, once, waits, name, value, …
--          want: the id that the claim was about
--          next: when to look again (ms by Redis' clock); "": all devices know
--          up to want; "drop": he has no device, or had none behind the claim
--          once: what field once of the claim said, else ""
--          waits: what is to be done at next and no sooner, though it could be
--          now: o what field once says (else that was done), c the clearing of
--          an emptied mailbox (it was claimed for that)
--          fields of pushed:<urn> to be written, "" to be removed; none for
--          "drop"
-- Result   1, or 0 when another claim has been made since: nothing is written
--
-- Invariants
--   - Only the last claim of a box writes anything.
--   - What came after the claim is not lost: something above want, something
--     else to do once, a change of preferences are looked at now.
--   - Devices that show something of an emptied mailbox are looked at now, if
--     it was not claimed for them: the ack that emptied it did not know that
--     they would.
--   - Else the entry goes, and with it what all devices know by now is noted;
--     the id first, so that a cut leaves one that is looked at in vain.
--   - Of who has no device nothing is remembered but that, for an hour. One
--     that was registered since has woken the claim.
-- Bounds: those of one look into hot (parts/highest_waiting.lua).
-- Safe to repeat after a cut at any point, or when it was done, as long as
-- nobody else has claimed the box: what makes it look again stays until then.
local prefix, urn, claim, want = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local next_ms, once_known = ARGV[4], ARGV[5]
local once_waits, clear_waits = ARGV[6]:find('o'), ARGV[6]:find('c')
local FIRST, NOBODY_SECONDS = 7, 3600
local key, pushdue = prefix .. 'pushed:' .. urn, prefix .. 'pushdue'

local known = redis.call('HMGET', key, 'claim', 'once', 'woken', 'shown', 'id')
if known[1] ~= claim then
  return 0
end

-- include clock

-- include is_above

-- include unpack_entry

-- include highest_waiting

-- include push_nobody

-- include push_want

-- include index_score

-- include index_live

-- include cold_record

-- include push_waiting

local set, removed = {}, {'busy'}
local is_shown = known[4]
for i = FIRST, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    removed[#removed + 1] = ARGV[i]
  else
    set[#set + 1] = ARGV[i]
    set[#set + 1] = ARGV[i + 1]
  end
  if ARGV[i] == 'shown' then
    is_shown = ARGV[i + 1] ~= ''
  end
end
local once = known[2]
if once and once == once_known then
  once = nil
  if not once_waits then
    removed[#removed + 1] = 'once'
  end
end

local is_online = redis.call('EXISTS', prefix .. 'online:' .. urn) == 1
local outcome = 'remove'
if is_above(push_want(urn, is_online), want) or once or known[3] then
  outcome = 'again'
elseif next_ms == 'drop' then
  outcome = 'drop'
elseif is_shown and not clear_waits and push_waiting(urn) == 0 then
  outcome = 'again'
elseif next_ms ~= '' then
  outcome = 'later'
elseif is_above(want, known[5] or '0-0') then
  set[#set + 1] = 'id'
  set[#set + 1] = want
end

-- Who is dropped keeps busy until all of it goes: a device that is registered
-- between two halves of this wakes the second.
if outcome ~= 'drop' then
  if #set > 0 then
    redis.call('HSET', key, unpack(set))
  end
  redis.call('HDEL', key, unpack(removed))
end
if outcome == 'again' then
  redis.call('ZADD', pushdue, string.format('%d', now_ms), urn)
elseif outcome == 'later' then
  redis.call('ZADD', pushdue, next_ms, urn)
else
  redis.call('SREM', prefix .. 'pushhigh', urn)
  redis.call('ZREM', pushdue, urn)
end
if outcome == 'drop' then -- the claim last: it lets a repeated call in
  redis.call('SET', prefix .. 'notified:' .. urn, PUSH_NOBODY, 'EX',
    NOBODY_SECONDS)
  redis.call('DEL', key)
end
return 1
