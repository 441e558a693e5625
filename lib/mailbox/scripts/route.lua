#!lua flags=allow-oom
-- route: move the oldest accepted entries of some partitions into the hot
-- queues of their recipients and poke whoever is online (docs/architecture.md
-- "Routing"); and step N2 of a message that goes straight to the cold store.
--
-- KEYS     wp:{p}: of each partition, none of them twice
-- ARGV     run_id, max_entries, max_bytes, max_tries, push_max, token, then for
--          each partition
--          owner, careful, may_have_tries, away, skip_to, n, n names
--          push_max: about how many notification commands are kept; 0: nobody
--          wants any
--          careful "1": count a try before each attempt, for a partition whose
--          last call died; an entry that was on its last try then is
--          dead-lettered without another one
--          may_have_tries "0": the owner of this lease knows of no entry that
--          has a try counted
--          token: 16 hex digits, never used before
--          away "1": entries for who is away and has nothing in hot stay in
--          ingress and are answered as rows (step N2)
--          skip_to: "" or the last id that is on its way to the cold store:
--          rows up to it are not answered again
--          names: urn and version of a mailbox that the store has told since
--          an append was refused, or urn and "hot": no rows for this one
-- Result   {r1, … rn}, of each partition:
--          {"lost"}    somebody else owns it
--          {"gate"}    it must be reconciled first
--          an error    it died of that; the others did not, if there are any
--          {"ok", routed, dropped, dead, held, left, marked, error, row…}
--          held: entries that stay for another try or behind such an entry;
--          left: entries still in ingress, without rows and what waits for
--          their landing; marked: users who are to be moved to the cold store;
--          error: text of the last fault or ""
--          a row is id, expires_ms, m, version; version: of the mailbox,
--          as the store told it before this instant; 0: it has nothing of the
--          user in this life of Redis
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
--   - Rows of a user are answered only while nothing of the user is in hot, in
--     this instant (X32), with a hint under a new token (X30, X34) whose
--     last_ms covers them, oldest first and without a gap (X33). What comes
--     behind a row, or behind what is on its way, goes nowhere before it (X39),
--     except by ordinary routing of all of them, in their order.
--   - Partitions have nothing in common but the bounds and the pokes.
-- Bounds: max_entries and max_bytes of what leaves ingress or is answered as a
-- row, 4,096 entries and eight times max_bytes of what stays, and a slice
-- beyond each, all partitions together. Each may have an equal part of what
-- those before it have left.
-- Safe to repeat after a cut at any point: hot refuses an id that it has
-- already covered, marks and due are sets.
local call, try = redis.call, redis.pcall
local run_id, token = ARGV[1], ARGV[6]
local max_tries, push_max = tonumber(ARGV[4]), tonumber(ARGV[5])
local SLICE, POKE_BATCH, MAX_KEPT = 16, 500, 4096

-- include clock
local now_text = string.format('%d', now_ms)

-- Of the partition that is being routed.
local prefix, ingress, tries_key
local careful, has_tries
local users -- urn -> what this call knows of the user and does for it
-- Of the slice: incarnation -> urns, words, ids.
local due, marks, leaving, staying
local holding, foreign -- by lane
local is_direct, skip_to
local versions -- urn -> version or "hot", of names
local copied -- users with rows
local answer, n_rows
local routed, dropped, dead, held, passed, n_marked
local bytes, bytes_kept -- of what has left or is a row; of what stays
local last_error

-- include is_above

-- include push

-- include index_score

-- include index

-- include unpack_entry

-- What an entry says. Without u no send has written it, without x its expiry is
-- no number.
local function read(flat)
  local expires_ms, size, bits, length = unpack_entry(flat)
  if not size then
    return {flat = flat, size = #(flat[4] or flat[2])}
  end
  return {flat = flat, size = size, x = expires_ms,
    u = flat[4]:sub(ENTRY_HEAD + 1, ENTRY_HEAD + length),
    is_high = bits % 2 == 1, is_ephemeral = bits % 4 >= EPHEMERAL}
end

-- include cold_record

-- include cold_hinted

local function user_of(urn)
  local user = users[urn]
  if not user then
    user = {urn = urn}
    users[urn] = user
  end
  return user
end

-- Incarnations that hold a connection of the user.
local function incarnations(urn)
  local list, seen = {}, {}
  for _, conn in ipairs(call('HKEYS', prefix .. 'online:' .. urn)) do
    local inc = conn:match('^(.*)%.')
    if inc and not seen[inc] then
      seen[inc] = true
      list[#list + 1] = inc
    end
  end
  return list
end

local pokes = {} -- incarnation -> urns, of all partitions

local function list_for(inc, urn, lists)
  local list = lists[inc]
  if list then
    list[#list + 1] = urn
  else
    lists[inc] = {urn}
  end
end

local function poke(user)
  user.is_poked = true
  for _, inc in ipairs(user.online) do
    list_for(inc, user.urn, due)
    list_for(inc, user.urn, pokes)
  end
end

local function mark(user)
  user.is_marked = true
  n_marked = n_marked + 1
  marks[#marks + 1] = now_text
  marks[#marks + 1] = user.urn
end

-- At the end one command of the user is there that this call has written.
local function tell(user, id)
  local entry = push_about(user.urn, id)
  if entry and user.told and user.told ~= entry then
    push_take_back(user.told)
  end
  user.told = entry or user.told
end

local function is_in(hot, id)
  return #call('XRANGE', hot, id, id) > 0
end

-- Put it into hot. Returns nil and what is wrong when it cannot be.
local function append(id, f)
  local hot = prefix .. (f.is_high and 'hot!:' or 'hot:') .. f.u
  local member = (f.is_high and '!' or '') .. id
  local is_new = index_add(f.u, member, f.x, f.size)
  local added = try('XADD', hot, id, 'x', f.flat[2], 'm', f.flat[4])
  if type(added) == 'table' and added.err then
    -- An id the stream has already covered was routed by a call cut off later.
    local is_covered = added.err:find('equal or smaller', 1, true)
    if is_new and not (is_covered and is_in(hot, id)) then
      index_drop(f.u, member)
    end
    if not is_covered then
      if added.err:find('^WRONGTYPE') or added.err:find('^ERR') then
        return nil, added.err
      end
      error(added)
    end
  end
  return true
end

-- Returns "routed", "dropped", or nil and what is wrong with the entry.
-- Faults of Redis itself are raised and end the partition's turn.
local function route_one(id, f)
  local expires_ms = f.x
  if not f.u then
    return nil, 'no send has written it'
  elseif not expires_ms then
    return nil, 'expiry is no number'
  end
  local user = user_of(f.u)
  user.online = user.online or incarnations(f.u)
  local is_online = #user.online > 0
  if not is_online and f.is_ephemeral then
    return 'dropped'
  end
  if f.is_ephemeral then
    call('ZADD', prefix .. 'expiry', 'LT', string.format('%d', expires_ms), f.u)
  end
  if expires_ms <= now_ms then
    try('HDEL', prefix .. 'waits', '!' .. f.u)
  end
  local is_done, reason = append(id, f)
  if not is_done then
    return nil, reason
  end
  if is_online then
    if not user.is_poked then
      poke(user)
    end
  else
    if not user.is_marked then
      mark(user)
    end
    if push_max > 0 and expires_ms > now_ms then
      tell(user, id)
    end
  end
  return 'routed'
end

local function bury(id, f, reason, tries)
  if f.u then
    call('XADD', prefix .. 'dlq', '*', 'id', id, 'reason', reason,
      'tries', tries, 'at', now_text, 'u', f.u, 'b', f.is_high and '1' or '0',
      'f', f.is_ephemeral and 'e' or '', 'x', f.flat[2], 'e',
      f.flat[4]:sub(-f.size))
  else
    call('XADD', prefix .. 'dlq', '*', 'id', id, 'reason', reason,
      'tries', tries, 'at', now_text, 'm', f.flat[4] or f.flat[2])
  end
end

-- What was put off for the entries of a slice.
local function settle_slice()
  for inc, urns in pairs(due) do
    call('SADD', prefix .. 'due:' .. inc, unpack(urns))
  end
  if #marks > 0 then
    call('ZADD', prefix .. 'migrate', 'NX', unpack(marks))
  end
  if #leaving > 0 then
    -- In this order, or a cut could leave a field that nobody removes.
    if has_tries then
      call('HDEL', tries_key, unpack(leaving))
    end
    call('XDEL', ingress, unpack(leaving))
  end
  if has_tries and #staying > 0 then
    call('HDEL', tries_key, unpack(staying))
  end
  due, marks, leaving, staying = {}, {}, {}, {}
end

-- Whose order counts: a recipient and band.
local function lane_of(f)
  return (f.u or '') .. (f.is_high and ' !' or ' ')
end

-- Returns true when the entry has left ingress.
local function attempt(id, f)
  local tries = careful and call('HINCRBY', tries_key, id, 1)
  local outcome, reason
  if careful and tries > max_tries then
    reason = 'routing died with it'
  elseif next(foreign) and foreign[lane_of(f)] then
    -- The queue is what is wrong, found out by the tries of a first entry. The
    -- others need none of their own: each would keep everybody behind them.
    reason, tries = foreign[lane_of(f)], max_tries
  else
    outcome, reason = route_one(id, f)
  end
  if outcome == 'routed' then
    routed = routed + 1
    leaving[#leaving + 1] = id
    return true
  elseif outcome == 'dropped' then
    dropped = dropped + 1
  else
    last_error = reason
    tries = tries or call('HINCRBY', tries_key, id, 1)
    has_tries = true
    if tries < max_tries then
      return false
    end
    if reason:find('^WRONGTYPE') then
      foreign[lane_of(f)] = reason
    end
    bury(id, f, reason, tries)
    dead = dead + 1
  end
  leaving[#leaving + 1] = id
  if f.u then
    index_lose(f.u, (f.is_high and '!' or '') .. id, f.size)
  end
  settle_slice()
  return true
end

-- ---- straight to the cold store ----

-- Can it be a row? What is stranger goes the usual way.
local function is_plain(f)
  return f.x and not f.is_ephemeral and #f.flat[2] <= 15 and
    f.flat[2]:find('^%d+$') and true
end

-- The version that the store has told of a mailbox; nil when nobody knows.
local function version_of(urn, record)
  local version = versions[urn]
  if version then
    return tonumber(version) and version
  elseif not record then
    return '0'
  end
  local _, _, known = record:match(COLD_RECORD)
  return tonumber(known) and known
end

-- Those of whom the call has not known yet: is_away tells whose entries may be
-- rows. It stays as it is, whatever the call does: what it puts into hot is of
-- others.
local function look_for_away(slice)
  local urns, n = {}, 0
  for _, entry in ipairs(slice) do
    local urn = entry.f.u
    local user = urn and user_of(urn)
    if user and not user.online then
      user.online = incarnations(urn)
      if #user.online == 0 then
        n = n + 1
        urns[n] = urn
      end
    end
  end
  if n == 0 then
    return
  end
  local in_hot = call('ZMSCORE', prefix .. 'expiry', unpack(urns))
  local records = call('HMGET', prefix .. 'cold', unpack(urns))
  for i, urn in ipairs(urns) do
    local user = users[urn]
    user.record = records[i]
    user.version = not in_hot[i] and version_of(urn, records[i])
    user.is_away = user.version and true
  end
end

-- Who has something strange goes the usual way with all of it, unless a row of
-- before would be overtaken.
local function look_for_strange(slice)
  for _, entry in ipairs(slice) do
    local f = entry.f
    local user = f.u and users[f.u]
    entry.is_plain = is_plain(f)
    if user and user.is_away and not entry.is_plain and f.x and
      not f.is_ephemeral and not user.is_copied and not user.is_behind then
      user.is_away = false
    end
  end
end

local function add_row(user, id, f)
  local at = 8 + n_rows * 4
  answer[at + 1], answer[at + 2] = id, f.flat[2]
  answer[at + 3], answer[at + 4] = f.flat[4], user.version
  n_rows = n_rows + 1
  user.last_ms = math.max(user.last_ms or 0, f.x)
  if not user.is_copied then
    user.is_copied = true
    copied[#copied + 1] = user
  end
end

-- Whether an entry stays where it is: "row", "passed", or nil when it is for
-- the usual way.
local function stays(id, entry)
  local f = entry.f
  local user = f.u and users[f.u]
  if not (user and user.is_away) then
    return nil
  end
  if skip_to and is_above(id, skip_to) then
    skip_to = nil
  end
  if entry.is_plain and not skip_to and not user.is_behind then
    add_row(user, id, f)
    return 'row'
  elseif entry.is_plain or (f.x and not f.is_ephemeral and
    (user.is_copied or user.is_behind)) then
    user.is_behind = true
    return 'passed'
  end
  return nil
end

-- The hints of all rows, before the answer lets anybody make them.
local function hint()
  local NOTHING, CHUNK = '- 0 0 0 0', 500
  for from = 1, #copied, CHUNK do
    local words = {}
    for i = from, math.min(from + CHUNK - 1, #copied) do
      local user = copied[i]
      words[#words + 1] = user.urn
      words[#words + 1] =
        cold_hinted(user.record or NOTHING, token, user.last_ms)
    end
    call('HSET', prefix .. 'cold', unpack(words))
  end
end

-- ---- a partition ----

-- The earliest expiry of each user in a slice who gets something into hot. What
-- may vanish is left out: nobody would take its user off again.
local function note_expiries(slice)
  local earliest, words = {}, {}
  for _, entry in ipairs(slice) do
    local f = entry.f
    if f.x and not f.is_ephemeral and
      not (is_direct and users[f.u].is_away) then
      earliest[f.u] = math.min(earliest[f.u] or math.huge, f.x)
    end
  end
  for urn, expires_ms in pairs(earliest) do
    words[#words + 1] = string.format('%d', expires_ms)
    words[#words + 1] = urn
  end
  if #words > 0 then
    call('ZADD', prefix .. 'expiry', 'LT', unpack(words))
  end
end

-- What the partitions may still do, and each of them.
local room = {entries = tonumber(ARGV[2]), bytes = tonumber(ARGV[3]),
  kept = MAX_KEPT, bytes_kept = 8 * ARGV[3]}
local share

local function is_full()
  return routed + dropped + dead + n_rows >= share.entries or
    bytes >= share.bytes or held + passed >= share.kept or
    bytes_kept >= share.bytes_kept
end

local function keep(size)
  bytes_kept = bytes_kept + size
end

local function take(id, entry)
  local f = entry.f
  local size = f.size
  if held > 0 and holding[lane_of(f)] then
    held = held + 1
    return keep(size)
  end
  local how = is_direct and stays(id, entry)
  if how then -- whoever takes it out of ingress looks for no tries
    staying[#staying + 1] = id
  end
  if how == 'passed' then
    passed = passed + 1
    return keep(size)
  elseif how == 'row' or attempt(id, f) then
    bytes = bytes + size
  else
    holding[lane_of(f)] = true
    held = held + 1
    keep(size)
  end
end

-- Returns whether the whole of ingress was looked at.
local function walk()
  local from = '-'
  repeat
    local slice = call('XRANGE', ingress, from, '+', 'COUNT', SLICE)
    local is_last = #slice < SLICE
    for _, entry in ipairs(slice) do
      entry.f = read(entry[2])
    end
    if is_direct then
      look_for_away(slice)
      look_for_strange(slice)
    end
    note_expiries(slice)
    for i, entry in ipairs(slice) do
      local id = entry[1]
      from = '(' .. id
      take(id, entry)
      if is_full() then
        is_last = is_last and i == #slice
        break
      end
    end
    settle_slice()
    if is_last then
      return true
    end
  until is_full()
  return false
end

-- What the call says of a partition; its words begin in ARGV behind `at`.
local function read_words(at)
  careful, is_direct = ARGV[at + 2] == '1', ARGV[at + 4] == '1'
  has_tries = careful or
    (ARGV[at + 3] == '1' and call('EXISTS', tries_key) == 1)
  skip_to = ARGV[at + 5] ~= '' and ARGV[at + 5] or nil
  versions = {}
  for i = at + 7, at + 5 + 2 * ARGV[at + 6], 2 do
    versions[ARGV[i]] = ARGV[i + 1]
  end
end

-- Of n_left partitions that are to come with it.
local function begin(n_left)
  users, holding, foreign = {}, {}, {}
  due, marks, leaving, staying = {}, {}, {}, {}
  copied, answer, n_rows = {}, {'ok', 0, 0, 0, 0, 0, 0, ''}, 0
  routed, dropped, dead, held, passed, n_marked = 0, 0, 0, 0, 0, 0
  bytes, bytes_kept, last_error = 0, 0, ''
  share = {}
  for what, left in pairs(room) do
    share[what] = math.max(1, math.floor(left / n_left))
  end
  index_begin()
end

local function use_room()
  room.entries = room.entries - (routed + dropped + dead + n_rows)
  room.bytes = room.bytes - bytes
  room.kept = room.kept - (held + passed)
  room.bytes_kept = room.bytes_kept - bytes_kept
end

local function route(key, at, n_left)
  prefix, ingress, tries_key = key, key .. 'ingress', key .. 'tries'
  local holder = call('MGET', key .. 'owner', key .. 'gate')
  if holder[1] ~= ARGV[at + 1] then
    return {'lost'}
  elseif holder[2] ~= run_id then
    return {'gate'}
  end
  read_words(at)
  begin(n_left)
  local is_end = walk()
  hint()
  index_settle()
  use_room()
  answer[2], answer[3], answer[4], answer[5] = routed, dropped, dead, held
  answer[6] = is_end and held or call('XLEN', ingress) - n_rows - passed
  answer[7], answer[8] = n_marked, last_error
  return answer
end

-- One that dies leaves the others alone.
local function route_of_several(key, at, n_left)
  local is_done, result = pcall(route, key, at, n_left)
  if not is_done then
    -- What Redis says is a string by now, and begins with its word; what the
    -- interpreter says has none.
    local text = type(result) == 'table' and result.err or result
    if not text:find('^%u+ ') then
      text = 'ERR ' .. text
    elseif text:find('^READONLY ') then
      error({err = text}) -- no master: the caller is to leave this server
    end
    return {err = text}
  end
  return result
end

local results, at = {}, 6
for k, key in ipairs(KEYS) do
  local turn = #KEYS == 1 and route or route_of_several
  results[k] = turn(key, at, #KEYS - k + 1)
  at = at + 6 + 2 * ARGV[at + 6]
end
for inc, urns in pairs(pokes) do
  for i = 1, #urns, POKE_BATCH do
    call('PUBLISH', 'wp:poke:' .. inc,
      'p ' .. table.concat(urns, ',', i, math.min(i + POKE_BATCH - 1, #urns)))
  end
end
return results
