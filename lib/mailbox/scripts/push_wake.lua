#!lua flags=allow-oom
-- push_wake: look at a user's entry now: preferences have changed, or a handler
-- asks for something once (docs/architecture.md "Push").
--
-- KEYS[1]  wp:{p}:
-- ARGV     urn, once
--          once: what to do whatever waits, or "": then who has no entry needs
--          none
-- Result   {"ok"}
--
-- Invariant: the score of a claim is not lowered. It is written down that
-- whoever has it is to look again, for he may have read what it was before.
-- Bounds: one look.
-- Safe to repeat after a cut at any point: what is asked for comes before the
-- entry.
local prefix, urn, once = KEYS[1], ARGV[1], ARGV[2]
local KEPT_MS = 30 * 24 * 3600 * 1000
local key, pushdue = prefix .. 'pushed:' .. urn, prefix .. 'pushdue'

-- include clock

local now_text = string.format('%d', now_ms)
local is_claimed = redis.call('HEXISTS', key, 'busy') == 1
if once ~= '' then
  redis.call('HSET', key, 'once', once)
  redis.call('PEXPIRE', key, KEPT_MS)
  if not is_claimed then
    redis.call('ZADD', pushdue, 'LT', now_text, urn)
  end
elseif is_claimed then
  redis.call('HSET', key, 'woken', '1')
else
  redis.call('ZADD', pushdue, 'XX', 'LT', now_text, urn)
end
return {'ok'}
