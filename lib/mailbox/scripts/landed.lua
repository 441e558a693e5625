#!lua flags=allow-oom
-- landed: step N4 of writing to disk straight from ingress
-- (docs/architecture.md "Straight to disk"): these are in the cold store.
--
-- KEYS     wp:{p}: of each part of the call; a partition may have several
-- ARGV     push, then for each part how many users it has, and for each:
--          urn, version, rows, bytes, weight, highest, until_ms, high, how many
--          ids, ids
--          version, rows, bytes: what the cold store said of the mailbox after
--          the append
--          weight: bytes of the envelopes; highest: of the ids, in both bands;
--          until_ms: when the last of them expires; high "1": one of them is
--          of the high band
--          push: "<grace_ms>,<inactive_ms>" (parts/push_rules.lua), or "-"
-- Result   {r1, … rn} of the parts: {"ok", gone, left, now_ms} or
--          {"fault", text}
--          gone: entries that were there until now; left: entries in ingress,
--          for which nobody has rung where it was not empty
--
-- Invariants
--   - Only these ids leave ingress: what came since waits for its own append.
--   - Who is online by now gets a poke, and is in due:<incarnation> before the
--     entry leaves ingress: a pull between the two steps found nothing.
--   - Who is not, and has something in hot, is marked before: a route call that
--     was cut off left it there, and relied on the entry coming again.
--   - Its user is to be told before it leaves ingress, and not earlier: whoever
--     is woken up by that finds the message. Who is online by now as well, if
--     it is still there: it came for somebody who was away, and who leaves
--     again without a pull has nothing in hot that tells of it.
--   - What the store said is written before waits is lowered, so nothing that
--     waits is ever left out.
--   - waits loses what this call deletes. What an ack or a route call has taken
--     out before is not counted twice: of users who share a deletion in which
--     something was missing nothing is taken off, which is too much rather than
--     too little, and put right while ingress is empty (parts/index.lua).
-- Needs no owner and no gate: the ids are on disk, whoever owns the partition.
-- Bounds: 200 users and 500 ids of a part; one look each.
-- Safe to repeat after a cut at any point.
--
-- Most parts have one user, who is away: what is asked of all users alike, and
-- cannot fail, is asked for the whole call, where each part would make as much
-- of it as of its own work.
local push = ARGV[1]
local USER_WORDS, TOGETHER = 9, 32
local call = redis.call

-- include clock

local now_text = string.format('%d', now_ms)

-- include push_rules

-- include push_nobody

-- include waits_of

local pokes = {} -- incarnation -> urns, of all parts

-- include pokes

local prefix -- of the part whose turn it is

-- What few calls need: who is to be told, and is_online of him: then it is for
-- the case that he fetches nothing.
local function make_notify()
  -- include is_above

  -- include notify

  return function(users, is_online)
    local news = {}
    for _, user in ipairs(users) do
      if user.until_ms > now_ms and
        (not user.known or is_above(user.highest, user.known)) then
        local wait_ms = is_online[user.urn] and push_inactive_ms or
          (user.is_high and 0 or push_grace_ms)
        news[#news + 1] = {urn = user.urn, about = user.highest,
          is_high = user.is_high, at = string.format('%d', now_ms + wait_ms)}
      end
    end
    if #news > 0 then
      push_news(news)
    end
  end
end

local notify = nil

-- What waits for these users while ingress is empty is what is in hot.
local function settle(urns)
  -- include index_score

  -- include index

  for _, urn in ipairs(urns) do
    index_check(urn, false)
  end
  index_settle(true)
end

-- include cold_record

-- include cold_told

-- What the store said of the mailboxes, where a hint is.
local function note_sizes(users, urns)
  local records, words = call('HMGET', prefix .. 'cold', unpack(urns)), {}
  for i, user in ipairs(users) do
    local record = records[i] and
      cold_told(records[i], user.version, user.rows, user.bytes)
    if record then
      words[#words + 1] = user.urn
      words[#words + 1] = record
    end
  end
  if #words > 0 then
    call('HSET', prefix .. 'cold', unpack(words))
  end
end

-- Is any of it in ingress still? Else it went to hot or was acked meanwhile,
-- and whoever leaves with something in hot is told of that.
local function is_left(user)
  for i = user.from, user.up_to do
    if #call('XRANGE', prefix .. 'ingress', ARGV[i], ARGV[i]) > 0 then
      return true
    end
  end
  return false
end

-- One question for what hardly ever is: somebody of them is online, or a try
-- of something in ingress is counted.
local function is_anything_to_ask(parts)
  local keys = {}
  for k, users in ipairs(parts) do
    keys[#keys + 1] = KEYS[k] .. 'tries'
    for _, user in ipairs(users) do
      keys[#keys + 1] = KEYS[k] .. 'online:' .. user.urn
    end
  end
  return call('EXISTS', unpack(keys)) > 0
end

-- Of what users were told last, see parts/notify.lua.
local function ask_what_is_known(parts)
  local keys, those = {}, {}
  for k, users in ipairs(parts) do
    for _, user in ipairs(users) do
      those[#those + 1] = user
      keys[#keys + 1] = KEYS[k] .. 'notified:' .. user.urn
    end
  end
  for i, known in ipairs(call('MGET', unpack(keys))) do
    those[i].known = known
  end
end

-- Whoever has to be told, marked or notified; in_hot says who has something
-- there, by place.
local function tell(users, in_hot, may_be_online)
  local due, marks, unaware, nobody, is_online = {}, {}, {}, {}, {}
  for i, user in ipairs(users) do
    local online = may_be_online and incarnations(prefix, user.urn) or nobody
    for _, inc in ipairs(online) do
      due[inc] = due[inc] or {}
      table.insert(due[inc], user.urn)
    end
    if #online == 0 and in_hot[i] then
      marks[#marks + 1] = now_text
      marks[#marks + 1] = user.urn
    end
    if user.known ~= PUSH_NOBODY and (#online == 0 or is_left(user)) then
      unaware[#unaware + 1] = user
      is_online[user.urn] = #online > 0
    end
  end
  for inc, urns in pairs(due) do
    call('SADD', prefix .. 'due:' .. inc, unpack(urns))
    pokes[inc] = pokes[inc] or {}
    for _, urn in ipairs(urns) do
      table.insert(pokes[inc], urn)
    end
  end
  if #marks > 0 then
    call('ZADD', prefix .. 'migrate', 'NX', unpack(marks))
  end
  if #unaware > 0 then
    notify = notify or make_notify()
    notify(unaware, is_online)
  end
end

-- Did a route call that was cut off leave an entry in hot as well? It goes on
-- waiting there.
local function is_doubled(user)
  local index = prefix .. 'index:' .. user.urn
  for i = user.from, user.up_to do
    local scores = redis.pcall('ZMSCORE', index, ARGV[i], '!' .. ARGV[i])
    if scores.err or scores[1] or scores[2] then
      return true
    end
  end
  return false
end

-- The users whose entries have all gone by this, and are nowhere else, are
-- added to gone; returns how many entries went.
local function delete(users, in_hot, gone)
  local total, ids, those = 0, {}, {}
  local function flush()
    local n = #ids > 0 and call('XDEL', prefix .. 'ingress', unpack(ids)) or 0
    for _, user in ipairs(n == #ids and those or {}) do
      gone[#gone + 1] = user
    end
    total, ids, those = total + n, {}, {}
  end
  for i, user in ipairs(users) do
    if in_hot[i] then
      local n = call('XDEL', prefix .. 'ingress',
        unpack(ARGV, user.from, user.up_to))
      total = total + n
      if n > user.up_to - user.from and not is_doubled(user) then
        gone[#gone + 1] = user
      end
    else
      for k = user.from, user.up_to do
        ids[#ids + 1] = ARGV[k]
      end
      those[#those + 1] = user
      if #ids >= TOGETHER then
        flush()
      end
    end
  end
  flush()
  return total
end

local function lower(users, is_queue_empty)
  local waits, urns = prefix .. 'waits', {}
  for i, user in ipairs(users) do
    urns[i] = user.urn
  end
  local had, keep, drop, kept = waits_of(waits, 'HMGET', unpack(urns)), {}, {},
    {}
  for i, user in ipairs(users) do
    if had[i] then
      local n, bytes = had[i]:match('^(%d+) (%d+)$')
      n, bytes = n - (user.up_to - user.from + 1), bytes - user.weight
      if n > 0 then
        kept[#kept + 1] = user.urn
        keep[#keep + 1] = user.urn
        keep[#keep + 1] = string.format('%d %d', n, math.max(bytes, 0))
      else
        drop[#drop + 1] = user.urn
        drop[#drop + 1] = '!' .. user.urn
      end
    end
  end
  if #drop > 0 then
    call('HDEL', waits, unpack(drop))
  end
  if #keep > 0 then
    call('HSET', waits, unpack(keep))
  end
  if #kept > 0 and is_queue_empty then
    settle(kept)
  end
end

-- A route call may have counted a try of what was under way. No field outlives
-- its entry.
local function forget_tries(users)
  for _, user in ipairs(users) do
    call('HDEL', prefix .. 'tries', unpack(ARGV, user.from, user.up_to))
  end
end

local function land(users, is_asked)
  local urns, gone = {}, {}
  for i, user in ipairs(users) do
    urns[i] = user.urn
  end
  note_sizes(users, urns)
  local in_hot = call('ZMSCORE', prefix .. 'expiry', unpack(urns))
  tell(users, in_hot, is_asked)
  if is_asked then
    forget_tries(users)
  end
  local n = delete(users, in_hot, gone)
  local left = call('XLEN', prefix .. 'ingress')
  if #gone > 0 then
    lower(gone, left == 0)
  end
  return {'ok', n, left, now_ms}
end

-- The users of a part whose words begin at `at`, and where the next one does.
local function read_part(at)
  local users, n = {}, tonumber(ARGV[at])
  at = at + 1
  for i = 1, n do
    local n_ids = tonumber(ARGV[at + 8])
    users[i] = {urn = ARGV[at], version = ARGV[at + 1], rows = ARGV[at + 2],
      bytes = ARGV[at + 3], weight = tonumber(ARGV[at + 4]),
      highest = ARGV[at + 5], until_ms = tonumber(ARGV[at + 6]),
      is_high = ARGV[at + 7] == '1', known = PUSH_NOBODY,
      from = at + USER_WORDS, up_to = at + USER_WORDS + n_ids - 1}
    at = at + USER_WORDS + n_ids
  end
  return users, at
end

local parts, at = {}, 2
for k in ipairs(KEYS) do
  parts[k], at = read_part(at)
end
local is_asked, results = is_anything_to_ask(parts), {}
if push_grace_ms then
  ask_what_is_known(parts)
end
for k, key in ipairs(KEYS) do
  prefix = key
  local is_done, answer = pcall(land, parts[k], is_asked)
  if is_done then
    results[k] = answer
  else
    results[k] = {'fault',
      type(answer) == 'table' and answer.err or tostring(answer)}
  end
end
publish_pokes(pokes)
return results
