#!lua flags=allow-oom
-- route: move the oldest accepted entries of a partition into the hot queues of
-- their recipients and poke whoever is online (docs/architecture.md "Routing").
--
-- KEYS[1]  wp:{p}:
-- ARGV     run_id, max_entries, max_bytes, max_tries, push_max, token, then
--          owner, careful, may_have_tries, away, skip_to, n, n names
--          careful "1": count a try before each attempt, for a partition whose
--          last call died as a whole; an entry that was on its last try then is
--          dead-lettered without another one
--          may_have_tries "0": the owner of this lease knows of no entry that
--          has a try counted
--          push_max: about how many notification commands are kept; 0 or left
--          out: nobody wants any
--          token, away, skip_to and names have no meaning yet
-- Result   {r}, of the partition:
--          {"lost"}    somebody else owns the partition
--          {"gate"}    the partition must be reconciled first
--          {"ok", routed, dropped, dead, held, left, marked, error}
--          held: entries that stay for another try or behind such an entry;
--          left: entries still in ingress; marked: users who are to be moved
--          to the cold store; error: text of the last fault or ""
--
-- Invariants
--   - An entry leaves ingress only after it is in hot, in the dead-letter
--     stream, or allowed to vanish (ephemeral, for an offline user). What has
--     expired goes to hot like the rest: only a sweep deletes it, when the
--     clock can be believed (docs/architecture.md "Expiry"), and pulls skip it
--     until then.
--   - A user whose hot queue grew is either in due:<incarnation> of every
--     connection, or marked in migrate. The same instant decides which.
--   - expiry has every user with something in hot, at or before the earliest
--     expiry in there: noted before hot grows, so that no cut can leave it out.
--   - What is done alike for several entries is done for those of a slice
--     together: expiry is noted before, marks and due are set after hot has
--     grown, and only then they leave ingress.
--   - index has an entry before hot has it.
--   - A message for an offline user is asked a notification for before it
--     leaves ingress; one command per user and call stays, about the highest
--     id.
--   - Entries of one recipient and band are taken in id order; a failed one
--     holds back those behind it, and nobody else: what is held does not count
--     against max_entries and max_bytes, only against bounds of its own.
--   - waits loses what leaves ingress without being in hot.
--   - tries has a field for an entry only while that entry is in ingress.
-- Bounds: max_entries and max_bytes of what leaves ingress, 4,096 entries and
-- eight times max_bytes of what is held, and a slice beyond each.
-- Safe to repeat after a cut at any point: hot refuses an id that it has
-- already covered, marks and due are sets.
local prefix = KEYS[1]
local run_id = ARGV[1]
local max_entries, max_bytes = tonumber(ARGV[2]), tonumber(ARGV[3])
local max_tries, push_max = tonumber(ARGV[4]), tonumber(ARGV[5])
local owner, careful = ARGV[7], ARGV[8] == '1'
local ingress, tries_key = prefix .. 'ingress', prefix .. 'tries'
local SLICE, POKE_BATCH = 16, 500
local MAX_HELD, MAX_HELD_BYTES = 4096, 8 * max_bytes

if redis.call('GET', prefix .. 'owner') ~= owner then
  return {{'lost'}}
elseif redis.call('GET', prefix .. 'gate') ~= run_id then
  return {{'gate'}}
end

-- include clock
local now_text = string.format('%d', now_ms)

local presence = {} -- urn -> list of incarnations that hold a connection
local function incarnations(urn)
  local list = presence[urn]
  if not list then
    local seen = {}
    list = {}
    for _, conn in ipairs(redis.call('HKEYS', prefix .. 'online:' .. urn)) do
      local inc = conn:match('^(.*)%.')
      if inc and not seen[inc] then
        seen[inc] = true
        list[#list + 1] = inc
      end
    end
    presence[urn] = list
  end
  return list
end

local pokes, poked = {}, {} -- incarnation -> urns; "inc urn" -> true
local due = {} -- incarnation -> urns, of the slice
local function remember_poke(inc, urn)
  local once = inc .. ' ' .. urn
  if not poked[once] then
    poked[once] = true
    for _, lists in ipairs({pokes, due}) do
      lists[inc] = lists[inc] or {}
      table.insert(lists[inc], urn)
    end
  end
end

-- include is_above

-- include push

-- include index_score

-- include index

local told = {} -- urn -> the command that this call has written
local function tell(urn, id)
  local entry = push_about(urn, id)
  if entry and told[urn] and told[urn] ~= entry then
    push_take_back(told[urn])
  end
  told[urn] = entry or told[urn]
end

-- include fields_of

local function is_in(hot, id)
  return #redis.call('XRANGE', hot, id, id) > 0
end

local marked, marks = {}, {} -- urn -> true; words of ZADD, of the slice
local n_marked = 0

-- Returns "routed", "dropped", or nil and what is wrong with the entry.
-- Faults of Redis itself are raised and end the call.
local function route_one(id, f)
  if not (f.u and f.e and f.x and f.b and f.f) then
    return nil, 'missing field'
  end
  local expires_ms = tonumber(f.x)
  if not expires_ms then
    return nil, 'expiry is no number'
  end
  local online = incarnations(f.u)
  if #online == 0 and f.f:find('e', 1, true) then
    return 'dropped'
  end
  local hot = prefix .. (f.b == '1' and 'hot!:' or 'hot:') .. f.u
  local mark = f.b == '1' and '!' or ''
  if f.f ~= '' then
    redis.call('ZADD', prefix .. 'expiry', 'LT',
      string.format('%d', expires_ms), f.u)
  end
  if expires_ms <= now_ms then
    redis.pcall('HDEL', prefix .. 'waits', '!' .. f.u)
  end
  local is_new = index_add(f.u, mark .. id, expires_ms, #f.e)
  local added = redis.pcall('XADD', hot, id, 'e', f.e, 'x', f.x, 'f', f.f)
  if type(added) == 'table' and added.err then
    -- An id the stream has already covered was routed by a call cut off later.
    local is_covered = added.err:find('equal or smaller', 1, true)
    if is_new and not (is_covered and is_in(hot, id)) then
      index_drop(f.u, mark .. id)
    end
    if not is_covered then
      if added.err:find('^WRONGTYPE') or added.err:find('^ERR') then
        return nil, added.err
      end
      error(added)
    end
  end
  if #online > 0 then
    for _, inc in ipairs(online) do
      remember_poke(inc, f.u)
    end
  else
    if not marked[f.u] then
      marked[f.u] = true
      n_marked = n_marked + 1
      marks[#marks + 1] = now_text
      marks[#marks + 1] = f.u
    end
    if push_max > 0 and expires_ms > now_ms then
      tell(f.u, id)
    end
  end
  return 'routed'
end

local function bury(id, f, reason, tries)
  redis.call('XADD', prefix .. 'dlq', '*', 'id', id, 'reason', reason,
    'tries', tries, 'at', now_text, 'u', f.u or '', 'b', f.b or '',
    'f', f.f or '', 'x', f.x or '', 'e', f.e or '')
end

local routed, dropped, dead = 0, 0, 0
local held, bytes, held_bytes = 0, 0, 0
local holding = {} -- urn and band -> true
local last_error = ''
local has_tries = careful or
  (ARGV[9] == '1' and redis.call('EXISTS', tries_key) == 1)

local leaving = {} -- ids, of the slice

-- What was put off for the entries of a slice.
local function settle_slice()
  for inc, urns in pairs(due) do
    redis.call('SADD', prefix .. 'due:' .. inc, unpack(urns))
  end
  if #marks > 0 then
    redis.call('ZADD', prefix .. 'migrate', 'NX', unpack(marks))
  end
  if #leaving > 0 then
    -- In this order, or a cut could leave a field that nobody removes.
    if has_tries then
      redis.call('HDEL', tries_key, unpack(leaving))
    end
    redis.call('XDEL', ingress, unpack(leaving))
  end
  due, marks, leaving = {}, {}, {}
end

-- Lanes whose queue is what is wrong, found out by the tries of a first entry.
-- The others need none of their own: each would keep everybody behind them.
local foreign = {}

-- Returns true when the entry has left ingress.
local function attempt(id, f, lane)
  local tries = careful and redis.call('HINCRBY', tries_key, id, 1)
  local outcome, reason
  if careful and tries > max_tries then
    reason = 'routing died with it'
  elseif foreign[lane] then
    reason, tries = foreign[lane], max_tries
  else
    outcome, reason = route_one(id, f)
  end
  if outcome == 'routed' then
    routed = routed + 1
  elseif outcome == 'dropped' then
    dropped = dropped + 1
  else
    last_error = reason
    tries = tries or redis.call('HINCRBY', tries_key, id, 1)
    has_tries = true
    if tries < max_tries then
      return false
    end
    if reason:find('^WRONGTYPE') then
      foreign[lane] = reason
    end
    bury(id, f, reason, tries)
    dead = dead + 1
  end
  leaving[#leaving + 1] = id
  if outcome ~= 'routed' then
    if f.u then
      index_lose(f.u, (f.b == '1' and '!' or '') .. id, #(f.e or ''))
    end
    settle_slice()
  end
  return true
end

local function is_full()
  return routed + dropped + dead >= max_entries or bytes >= max_bytes or
    held >= MAX_HELD or held_bytes >= MAX_HELD_BYTES
end

-- The earliest expiry of each user in a slice. What may vanish is left out:
-- nobody would take its user off again.
local function note_expiries(slice)
  local earliest, words = {}, {}
  for _, entry in ipairs(slice) do
    local f = entry.f
    local expires_ms = tonumber(f.x)
    if f.u and expires_ms and f.f == '' then
      earliest[f.u] = math.min(earliest[f.u] or math.huge, expires_ms)
    end
  end
  for urn, expires_ms in pairs(earliest) do
    words[#words + 1] = string.format('%d', expires_ms)
    words[#words + 1] = urn
  end
  if #words > 0 then
    redis.call('ZADD', prefix .. 'expiry', 'LT', unpack(words))
  end
end

local from = '-'
local is_end = false
repeat
  local slice = redis.call('XRANGE', ingress, from, '+', 'COUNT', SLICE)
  local is_last = #slice < SLICE
  for _, entry in ipairs(slice) do
    entry.f = fields_of(entry)
  end
  note_expiries(slice)
  for i, entry in ipairs(slice) do
    local id, f = entry[1], entry.f
    local lane = (f.u or '') .. ' ' .. (f.b or '')
    local size = #(f.e or '')
    from = '(' .. id
    if not holding[lane] and attempt(id, f, lane) then
      bytes = bytes + size
    else
      holding[lane] = true
      held = held + 1
      held_bytes = held_bytes + size
    end
    if is_full() then
      is_last = is_last and i == #slice
      break
    end
  end
  settle_slice()
  is_end = is_last
until is_last or is_full()

for inc, urns in pairs(pokes) do
  for i = 1, #urns, POKE_BATCH do
    redis.call('PUBLISH', 'wp:poke:' .. inc,
      'p ' .. table.concat(urns, ',', i, math.min(i + POKE_BATCH - 1, #urns)))
  end
end
index_settle()
local left = is_end and held or redis.call('XLEN', ingress)
return {{'ok', routed, dropped, dead, held, left, n_marked, last_error}}
