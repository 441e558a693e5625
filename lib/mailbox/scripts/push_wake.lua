#!lua flags=allow-oom
-- push_wake: look at a user's entry now: preferences have changed, or a handler
-- asks for something once; or soon: a device was registered
-- (docs/architecture.md "Push").
--
-- KEYS[1]  wp:{p}:
-- ARGV     urn, once, push, new
--          once: what to do whatever waits, or "": then who has no entry needs
--          none
--          push: "" unless a device was registered; then "<grace_ms>,
--          <inactive_ms>" (parts/push_rules.lua), or "-"
--          new: "1" when that device was not known before, or ""
-- Result   {"ok"}
--
-- Invariants
--   - The score of a claim is not lowered. It is written down that whoever has
--     it is to look again, for he may have read what it was before.
--   - Behind a registration nobody is held to have no device, and who was, or
--     was never told of what waits, is to be told. What is in ingress may be
--     seen only when he has been looked at, so it is asked for when it comes.
--   - What other devices know a new one does not: what waits is to be told it
--     as well.
--   - Who is told anyway keeps his time: a client that starts is about to
--     fetch.
-- Bounds: one look.
-- Safe to repeat after a cut at any point: what is asked for comes before the
-- entry, and the entry before notified.
local prefix, urn, once, push = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local is_new = ARGV[4] == '1'
local KEPT_MS, KEPT_SECONDS = 30 * 24 * 3600 * 1000, 30 * 24 * 3600
local key, pushdue = prefix .. 'pushed:' .. urn, prefix .. 'pushdue'

-- include clock

-- include push_rules

-- include push_nobody

-- include index_score

-- include index_live

-- include cold_record

-- include push_waiting

local now_text = string.format('%d', now_ms)
local is_claimed = redis.call('HEXISTS', key, 'busy') == 1

-- Below what is in ingress, and what comes, of which the first may be of this
-- millisecond.
local function before_ingress()
  local oldest = redis.call('XRANGE', prefix .. 'ingress', '-', '+', 'COUNT',
    1)[1]
  local oldest_ms = oldest and tonumber(oldest[1]:match('^%d+')) or math.huge
  return string.format('%d-0', math.min(now_ms, oldest_ms) - 1)
end

-- Nothing is known to all devices any more; what each knows stands beside it.
-- An audit finds whoever has no entry then.
local function ask_again()
  if push_waiting(urn) > 0 and redis.call('HDEL', key, 'id') == 1 and
    not is_claimed then
    redis.call('ZADD', pushdue, 'NX',
      string.format('%d', now_ms + push_grace_ms), urn)
  end
end

local function note_device()
  local notified = prefix .. 'notified:' .. urn
  local known = redis.call('GET', notified)
  if known and known ~= PUSH_NOBODY then
    if is_new and push_grace_ms then
      ask_again()
    end
  elseif not push_grace_ms then
    redis.call('DEL', notified)
  elseif known or push_waiting(urn) > 0 then
    if not is_claimed then
      redis.call('ZADD', pushdue, 'LT',
        string.format('%d', now_ms + push_grace_ms), urn)
    end
    redis.call('SET', notified, before_ingress(), 'EX', KEPT_SECONDS)
  end
end

if once ~= '' then
  redis.call('HSET', key, 'once', once)
  redis.call('PEXPIRE', key, KEPT_MS)
  if not is_claimed then
    redis.call('ZADD', pushdue, 'LT', now_text, urn)
  end
elseif is_claimed then
  redis.call('HSET', key, 'woken', '1')
elseif push == '' then
  redis.call('ZADD', pushdue, 'XX', 'LT', now_text, urn)
end
if push ~= '' then
  note_device()
end
return {'ok'}
