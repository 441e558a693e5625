#!lua flags=allow-oom
-- push_take: claim mailboxes whose users are to be told that something waits
-- (docs/architecture.md "Push").
--
-- KEYS[1]  wp:{p}:
-- ARGV     run_id, max, claim_ms, inactive_ms, claim
--          max: how many may be claimed; claim_ms: how long a claim lasts;
--          inactive_ms: so long who is online may leave a message alone
--          claim: a text that was never used before
-- Result   {"gate"}  the partition must be reconciled first
--          {"ok", now_ms, lapsed, box…}, now by Redis' clock; lapsed: how many
--          claims had, of those that were looked at
--          a box is {urn, what, want, n, is_high, connections, seen,
--          {device…}, {name, value…}}
--          what  "tell": of something above what all devices know
--                "clear": nothing waits, and devices may show that it does
--                "once": neither, only what field once asks for
--          want  the highest id that it is about; of "once" the one that is
--                known already
--          n     messages that wait, about; 0 only when none do
--          seen  seconds since 1970 of the last disconnect, or ""
--          devices of open connections, as far as they are known; then the
--          fields of pushed:<urn>
--
-- Invariants
--   - A box is claimed once until the claim lapses: its score is then, and
--     nothing lowers it. Whoever answers later finds another claim.
--   - What has nothing to tell leaves pushdue: nothing waits, or what waits is
--     known to all devices. Whoever is asked to tell is asked about something
--     that waits in this instant.
--   - A claim that has lapsed may have told somebody: from then on devices may
--     show something. Its answer is too late, though nobody else claims the
--     box: it may be of what was before a wake that found no claim.
--   - Who is online is told of what nobody has fetched for inactive_ms.
--   - What is due after more than a day and two hours is due now: nobody asks
--     for that, so the clock was ahead when it was written.
--   - Who cannot be looked at, for a foreign key is in the place of one of his,
--     is put off by an hour, and holds up nobody else.
-- Bounds: 128 members, fewer when it took long to see what waits for them.
-- Safe to repeat after a cut at any point: a claim that nobody heard of lapses,
-- and what was to be removed is still there.
local prefix, run_id, max = KEYS[1], ARGV[1], tonumber(ARGV[2])
local claim_ms, inactive_ms = tonumber(ARGV[3]), tonumber(ARGV[4])
local claim = ARGV[5]
local LOOKS, HORIZON_MS, KEPT_MS = 128, 26 * 3600 * 1000, 30 * 24 * 3600 * 1000
local UNFIT_MS = 3600 * 1000
local pushdue, pushhigh = prefix .. 'pushdue', prefix .. 'pushhigh'

if redis.call('GET', prefix .. 'gate') ~= run_id then
  return {'gate'}
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

local function due()
  local list = redis.call('ZRANGEBYSCORE', pushdue, '-inf',
    string.format('%d', now_ms), 'LIMIT', 0, LOOKS)
  if #list < LOOKS then
    local ahead = redis.call('ZRANGEBYSCORE', pushdue,
      string.format('(%d', now_ms + HORIZON_MS), '+inf', 'LIMIT', 0,
      LOOKS - #list)
    for _, urn in ipairs(ahead) do
      list[#list + 1] = urn
    end
  end
  return list
end

-- Since when the oldest waits that is known to. What is in the cold store has
-- no age here; want may be of it.
local function oldest_ms(urn, want)
  local oldest = tonumber(want:match('^%d+'))
  for _, hot in ipairs({'hot:', 'hot!:'}) do
    local slice = redis.pcall('XRANGE', prefix .. hot .. urn, '-', '+', 'COUNT',
      1)
    if slice[1] then
      oldest = math.min(oldest, tonumber(slice[1][1]:match('^%d+')))
    end
  end
  return math.min(oldest, now_ms)
end

local function remove(urn)
  redis.call('SREM', pushhigh, urn)
  redis.call('ZREM', pushdue, urn)
end

-- What there is to claim a box for, and about which id; nil when nothing, and
-- then, if it is only too early, when.
local function purpose(box, known)
  local id, is_new = known[1] or '0-0', false
  if box.waiting > 0 then
    is_new = is_above(box.want, id)
  elseif known[3] then
    return 'clear', box.want
  end
  local until_ms = is_new and box.connections > 0 and
    oldest_ms(box.urn, box.want) + inactive_ms
  if is_new and not (until_ms and until_ms > now_ms) then
    return 'tell', box.want
  elseif known[4] then
    return 'once', id
  end
  return nil, until_ms
end

local function devices_of(urn)
  local list, is_there = {}, {}
  for _, text in ipairs(redis.call('HVALS', prefix .. 'online:' .. urn)) do
    local device = text:match('^[^\t]*\t[^\t]*\t([^\t]*)')
    if device and device ~= '' and not is_there[device] then
      is_there[device] = true
      list[#list + 1] = device
    end
  end
  return list
end

local function claim_box(box, key, what, want)
  redis.call('HSET', key, 'claim', claim, 'busy', '1')
  redis.call('HDEL', key, 'woken')
  redis.call('PEXPIRE', key, KEPT_MS)
  redis.call('ZADD', pushdue, string.format('%d', now_ms + claim_ms), box.urn)
  return {box.urn, what, want, box.waiting,
    redis.call('SISMEMBER', pushhigh, box.urn), box.connections,
    redis.call('GET', prefix .. 'seen:' .. box.urn) or '',
    devices_of(box.urn), redis.call('HGETALL', key)}
end

local lapsed = 0

-- Returns the box when it is claimed.
local function look_at(urn)
  local key = prefix .. 'pushed:' .. urn
  local known = redis.call('HMGET', key, 'id', 'busy', 'shown', 'once')
  if known[2] then
    lapsed = lapsed + 1
    known[3] = '1'
    redis.call('HSET', key, 'shown', '1')
    redis.call('HDEL', key, 'busy', 'claim')
  end
  local box = {urn = urn, waiting = push_waiting(urn),
    connections = redis.call('HLEN', prefix .. 'online:' .. urn)}
  box.want = push_want(urn, box.connections > 0)
  local what, about = purpose(box, known)
  if what then
    return claim_box(box, key, what, about)
  elseif about then
    redis.call('ZADD', pushdue, string.format('%d', about), urn)
  else
    remove(urn)
  end
end

local answer = {'ok', string.format('%d', now_ms), 0}
for _, urn in ipairs(due()) do
  local is_fit, box = pcall(look_at, urn)
  if is_fit then
    answer[#answer + 1] = box
  else -- and if Redis takes nothing at all, this fails as well
    redis.call('ZADD', pushdue, string.format('%d', now_ms + UNFIT_MS), urn)
  end
  if #answer - 3 >= max or looks_are_over() then
    break
  end
end
answer[3] = lapsed
return answer
