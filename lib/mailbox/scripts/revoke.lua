#!lua flags=allow-oom
-- revoke: say of whom tokens are good no longer, to all who let somebody in
-- (docs/architecture.md "Revocation").
--
-- KEYS[1]  wp:revoked
-- ARGV     keep_s, until_s, caller_s, key, …
--          keep_s: for so long such tokens may be alive
--          until_s: those that were issued by then (s); "": by now
--          caller_s: the time by the clock of who calls
--          key: of a user, a subject or a session (lib/auth/revoked.h), in hex
-- Result   how many
--
-- Who judges reads on from the last entry that it has seen, and from the first
-- one when it is started. So what is to be forgotten must go, and must not be
-- kept by one before it that lasts longer: what is older than an hour goes, and
-- comes again at the end if it is still needed. Hearing of one twice, or of one
-- that was forgotten meanwhile, changes nothing.
--
-- Tokens are issued and judged by other clocks than that of Redis. One that is
-- behind must not end early what is said here, and one that is ahead must not
-- drop it: it is kept from the later of both times on, and dropped by the
-- earlier one.
--
-- Bounds: looks at 32 old ones, so there are ever fewer of them.
-- Safe to repeat after a cut at any point: all is added before anything is
-- taken away, and what is there twice is as if it were there once.
local key, keep_s, until_s = KEYS[1], tonumber(ARGV[1]), ARGV[2]
local caller_s = tonumber(ARGV[3])
-- include clock
local early_s = math.min(tonumber(now_s), caller_s)
local late_s = math.max(tonumber(now_s), caller_s)

local function add(who, at_s, forget_s)
  redis.call('XADD', key, '*', 'h', who, 'b', at_s, 'x', forget_s)
end

if until_s == '' then
  until_s = now_s
end
for i = 4, #ARGV do
  add(ARGV[i], until_s, string.format('%d', late_s + keep_s))
end
redis.call('PUBLISH', 'wp:revoke', '1')

local old = redis.call('XRANGE', key, '-',
  string.format('%d', now_ms - 3600000), 'COUNT', 32)
local ids = {}
for i, entry in ipairs(old) do
  local fields = entry[2]
  ids[i] = entry[1]
  if tonumber(fields[6]) and tonumber(fields[6]) > early_s then
    add(fields[2], fields[4], fields[6])
  end
end
if #ids > 0 then
  redis.call('XDEL', key, unpack(ids))
end
return #ARGV - 3
