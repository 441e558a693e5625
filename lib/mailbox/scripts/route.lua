#!lua flags=allow-oom
-- route: move the oldest accepted entries of some partitions into the hot
-- queues of their recipients and poke whoever is online (docs/architecture.md
-- "Routing"); and step N2 of a message that goes straight to the cold store.
--
-- KEYS     wp:{p}: of each partition, none of them twice
-- ARGV     run_id, max_entries, max_bytes, max_tries, push, token, then for
--          each partition
--          owner, careful, may_have_tries, away, from, n, n names
--          push: "<grace_ms>,<inactive_ms>" (parts/push_rules.lua), or "-"
--          careful "1": count a try before each attempt, for a partition whose
--          last call died; an entry that was on its last try then is
--          dead-lettered without another one
--          may_have_tries "0": the owner of this lease knows of no entry that
--          has a try counted
--          token: 16 hex digits, never used before
--          away "1": entries for who is away and has nothing in hot stay in
--          ingress and are answered as rows (step N2)
--          from: where the walk begins, behind an id up to which all of
--          ingress is of users who are named as under way; "": at the oldest
--          entry. Only where rows are answered
--          names: urn and version of a mailbox that the store has told since
--          an append was refused; urn and "hot": no rows for this one; or urn
--          and "way": something of this one is on its way to the cold store
-- Result   {r1, … rn}, of each partition:
--          {"lost"}    somebody else owns it
--          {"gate"}    it must be reconciled first
--          an error    it died of that; the others did not, if there are any
--          {"ok", routed, dropped, dead, held, left, marked, error, passed,
--          walked, delays, row…}
--          held: entries that stay for another try or behind such an entry;
--          left: entries still in ingress, without rows and what waits for
--          their landing (but with what is before `from`, where there was too
--          much for the call); marked: users who are to be moved to the cold
--          store; error: text of the last fault or ""; passed: entries that
--          stay until something of their user has landed; walked: the last id
--          of the walk, when all up to it that is still in ingress is of users
--          with rows, or named as under way; else ""; delays: of what was
--          routed, how long after it was accepted, "ms n ms n …"
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
--   - An offline user is to be told of a message before it leaves ingress; who
--     is online has an entry in pushdue by then, for the case that he fetches
--     nothing.
--   - Entries of one recipient and band are taken in id order; a failed one
--     holds back those behind it, and nobody else: what is held does not count
--     against max_entries and max_bytes, only against bounds of its own.
--   - waits loses what leaves ingress without being in hot.
--   - tries has a field for an entry only while that entry is in ingress.
--   - Rows of a user are answered only while nothing of the user is in hot, in
--     this instant (X32), with a hint under a new token (X30, X34) whose
--     last_ms covers them, oldest first and without a gap (X33). What comes
--     behind a row, or behind what is on its way, goes nowhere before it (X39,
--     X41), except by ordinary routing of all of them, in their order: who is
--     named as under way and has connected makes the walk begin at the oldest
--     entry.
--   - Partitions have nothing in common but the bounds and the pokes.
-- Bounds: max_entries and max_bytes of what leaves ingress or is answered as a
-- row, 4,096 entries and eight times max_bytes of what stays, and a slice
-- beyond each, all partitions together. Each may have an equal part of what
-- those before it have left; of what stays all of it, where the walk begins
-- anew.
-- Safe to repeat after a cut at any point: hot refuses an id that it has
-- already covered, marks and due are sets.
--
-- How it is written: Lua makes each function anew for each call, and pays for
-- every local outside of it that it uses. So what changes is in one table, and
-- what few calls need is in functions that make it. Tables are made when there
-- is something for them, with room for what comes: one that grows costs more
-- than a command.
local call, try = redis.call, redis.pcall
local push = ARGV[5]
local SLICE, MAX_KEPT = 16, 4096

-- include clock
local now_text = string.format('%d', now_ms)

-- include push_rules

local push_texts = push_grace_ms and {
  grace = string.format('%d', now_ms + push_grace_ms),
  inactive = string.format('%d', now_ms + push_inactive_ms),
}

local prefix
-- The partition that is being routed, see begin().
local p

-- include index_score

-- include index_add

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
    is_high = bits % 2 == 1, is_ephemeral = bits % 4 >= EPHEMERAL,
    is_plain = false}
end

-- What few need: about what has left without being in hot.
local function losses()
  -- include index

  return {add = index_lose, finish = index_settle}
end

local function pusher()
  -- include is_above

  -- include push_nobody

  -- include notify

  return push_about
end

-- What the call knows of a user and does for it.
local function user_of(urn)
  local user = p.users[urn]
  if not user then
    user = {urn = urn, online = false, has_more = false, told = false,
      is_watched = false, is_away = false, version = false, last_ms = false,
      is_behind = false, is_under_way = false}
    p.users[urn] = user
  end
  return user
end

-- include pokes

local pokes = {} -- incarnation -> urns, of all partitions

local function list_for(lists, inc, urn)
  local list = lists[inc]
  if list then
    list[#list + 1] = urn
  else
    lists[inc] = {urn}
  end
end

-- Once for each user: poke who is there, mark who is not.
local function notice(user)
  user.has_more = true
  if #user.online > 0 then
    p.due = p.due or {}
    for _, inc in ipairs(user.online) do
      list_for(p.due, inc, user.urn)
      list_for(pokes, inc, user.urn)
    end
  else
    p.n_marked = p.n_marked + 1
    list_for(p, 'marks', now_text)
    list_for(p, 'marks', user.urn)
  end
end

-- Have the user told of a message, with the others of the slice. Who is online
-- is looked at once a call.
local function tell(user, id, is_high)
  if #user.online > 0 then
    if not user.is_watched then
      user.is_watched = true
      list_for(p, 'watched', push_texts.inactive)
      list_for(p, 'watched', user.urn)
    end
    return
  end
  local told = user.told
  if not told then
    told = {urn = user.urn, is_high = false, at = push_texts.grace,
      about = false}
    user.told = told
    list_for(p, 'told', told)
  end
  told.about = id
  if is_high then
    told.is_high, told.at = true, now_text
  end
end

-- XADD has refused it. Returns what is wrong, nil when it is in hot, or was and
-- has left since.
local function refused(hot, id, f, member, is_new, answer)
  -- An id the stream has already covered was routed by a call cut off later.
  local is_covered = answer.err:find('equal or smaller', 1, true)
  local is_gone = is_covered and #call('XRANGE', hot, id, id) == 0
  if is_new and (is_gone or not is_covered) then
    index_drop(f.u, member)
  end
  if is_gone then
    p.losses = p.losses or losses()
    p.losses.add(f.u, member, f.size)
  end
  if is_covered then
    return nil
  elseif answer.err:find('^WRONGTYPE') or answer.err:find('^ERR') then
    return answer.err
  end
  error(answer)
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
  user.online = user.online or incarnations(prefix, f.u)
  local is_online = #user.online > 0
  if not is_online and f.is_ephemeral then
    return 'dropped'
  end
  local hot = prefix .. (f.is_high and 'hot!:' or 'hot:') .. f.u
  local member = (f.is_high and '!' or '') .. id
  if f.is_ephemeral then
    call('ZADD', prefix .. 'expiry', 'LT', string.format('%d', expires_ms), f.u)
  end
  if expires_ms <= now_ms then
    try('HDEL', prefix .. 'waits', '!' .. f.u)
  end
  local is_new = index_add(f.u, member, expires_ms, f.size)
  local added = try('XADD', hot, id, 'x', f.flat[2], 'm', f.flat[4])
  local reason = type(added) == 'table' and
    refused(hot, id, f, member, is_new, added)
  if reason then
    return nil, reason
  end
  if not user.has_more then
    notice(user)
  end
  if push_grace_ms and not f.is_ephemeral and expires_ms > now_ms then
    tell(user, id, f.is_high)
  end
  return 'routed'
end

-- What was put off for the entries of a slice.
local function settle_slice()
  local due, marks, leaving, staying = p.due, p.marks, p.leaving, p.staying
  if due then
    for inc, urns in pairs(due) do
      call('SADD', prefix .. 'due:' .. inc, unpack(urns))
    end
  end
  if marks then
    call('ZADD', prefix .. 'migrate', 'NX', unpack(marks))
  end
  if p.watched then
    call('ZADD', prefix .. 'pushdue', 'NX', unpack(p.watched))
  end
  if p.told then
    p.push = p.push or pusher()
    p.push(p.told)
    for _, told in ipairs(p.told) do
      p.users[told.urn].told = false
    end
  end
  if leaving then
    -- In this order, or a cut could leave a field that nobody removes.
    if p.has_tries then
      call('HDEL', prefix .. 'tries', unpack(leaving))
    end
    call('XDEL', prefix .. 'ingress', unpack(leaving))
  end
  if staying and p.has_tries then
    call('HDEL', prefix .. 'tries', unpack(staying))
  end
  p.due, p.marks, p.leaving, p.staying = nil, nil, nil, nil
  p.watched, p.told = nil, nil
end

-- Whose order counts: a recipient and band.
local function lane_of(f)
  return (f.u or '') .. (f.is_high and ' !' or ' ')
end

-- One that is not routed: its last try, and its end, or another one later.
-- Returns whether it leaves.
local function fail(id, f, reason, tries)
  p.last_error = reason
  tries = tries or call('HINCRBY', prefix .. 'tries', id, 1)
  p.has_tries = true
  if tries < p.max_tries then
    return false
  end
  if reason:find('^WRONGTYPE') then
    p.foreign = p.foreign or {}
    p.foreign[lane_of(f)] = reason
  end
  local entry = f.u and {'u', f.u, 'b', f.is_high and '1' or '0',
    'f', f.is_ephemeral and 'e' or '', 'x', f.flat[2],
    'e', f.flat[4]:sub(-f.size)} or {'m', f.flat[4] or f.flat[2]}
  call('XADD', prefix .. 'dlq', '*', 'id', id, 'reason', reason,
    'tries', tries, 'at', now_text, unpack(entry))
  p.dead = p.dead + 1
  return true
end

local function note_delay(id)
  local delays = p.delays
  if not delays then
    delays = {}
    p.delays = delays
  end
  local ms = math.max(0, now_ms - id:match('^%d+'))
  delays[ms] = (delays[ms] or 0) + 1
end

local function delays_text()
  local words = {}
  for ms, n in pairs(p.delays) do
    words[#words + 1] = string.format('%d %d', ms, n)
  end
  return table.concat(words, ' ')
end

-- Returns true when the entry has left ingress.
local function attempt(id, f)
  local tries = p.is_careful and call('HINCRBY', prefix .. 'tries', id, 1)
  local outcome, reason
  if tries and tries > p.max_tries then
    reason = 'routing died with it'
  elseif p.foreign and p.foreign[lane_of(f)] then
    -- The queue is what is wrong, found out by the tries of a first entry. The
    -- others need none of their own: each would keep everybody behind them.
    reason, tries = p.foreign[lane_of(f)], p.max_tries
  else
    outcome, reason = route_one(id, f)
  end
  if outcome == 'routed' then
    p.routed = p.routed + 1
    note_delay(id)
    list_for(p, 'leaving', id)
    return true
  elseif outcome == 'dropped' then
    p.dropped = p.dropped + 1
  elseif not fail(id, f, reason, tries) then
    return false
  end
  list_for(p, 'leaving', id)
  if f.u then
    p.losses = p.losses or losses()
    p.losses.add(f.u, (f.is_high and '!' or '') .. id, f.size)
  end
  settle_slice()
  return true
end

-- What a call needs that has rows to answer: straight to the cold store.
local function direct_way()
  -- include cold_record

  -- include cold_hinted

  local NOTHING = '- 0 0 0 0' -- in place of a record

  -- Can it be a row? What is stranger goes the usual way.
  local function is_plain(f)
    return f.x and not f.is_ephemeral and #f.flat[2] <= 15 and
      f.flat[2]:find('^%d+$') and true
  end

  -- The version that the store has told of a mailbox; nil when nobody knows.
  local function version_of(urn, record)
    local version = p.versions[urn]
    if version then
      return tonumber(version) and version
    elseif not record then
      return '0'
    end
    local _, _, known = record:match(COLD_RECORD)
    return tonumber(known) and known
  end

  -- Those of whom the call has not known yet: is_away tells whose entries may
  -- be rows, or stay. Returns whether somebody has come back whose older ones
  -- are before the walk.
  local function look_for_away(slice)
    local urns, n, is_back = {}, 0, false
    for _, entry in ipairs(slice) do
      local urn = entry[2].u
      local user = urn and user_of(urn)
      if user and not user.online then
        user.online = incarnations(prefix, urn)
        user.is_under_way = p.versions[urn] == 'way'
        if #user.online > 0 then
          is_back = is_back or (p.is_behind_cursor and user.is_under_way)
        elseif user.is_under_way then
          user.is_away, user.is_behind = true, true
        else
          n = n + 1
          urns[n] = urn
        end
      end
    end
    if n == 0 then
      return is_back
    end
    local in_hot = call('ZMSCORE', prefix .. 'expiry', unpack(urns))
    local records = call('HMGET', prefix .. 'cold', unpack(urns))
    for i, urn in ipairs(urns) do
      local user = p.users[urn]
      user.record = records[i] or NOTHING
      user.version = not in_hot[i] and version_of(urn, records[i])
      user.is_away = user.version and true
    end
    return is_back
  end

  -- Who has something strange goes the usual way with all of it, unless a row
  -- of before would be overtaken.
  local function look_for_strange(slice)
    for _, entry in ipairs(slice) do
      local f = entry[2]
      local user = f.u and p.users[f.u]
      f.is_plain = is_plain(f)
      if user and user.is_away and not f.is_plain and f.x and
        not f.is_ephemeral and not user.last_ms and not user.is_behind then
        user.is_away = false
      end
    end
  end

  local function add_row(user, id, f)
    local answer, at = p.rows, 11 + p.n_rows * 4
    answer[at + 1], answer[at + 2] = id, f.flat[2]
    answer[at + 3], answer[at + 4] = f.flat[4], user.version
    p.n_rows = p.n_rows + 1
    if not user.last_ms then -- the first row
      p.copied[#p.copied + 1] = user
    end
    user.last_ms = math.max(user.last_ms or 0, f.x)
  end

  local way = {}

  -- What is to be known of a slice before any of it goes anywhere. Returns
  -- false when it may not go: the walk has to begin anew.
  function way.look(slice)
    local is_back = look_for_away(slice)
    look_for_strange(slice)
    return not is_back
  end

  -- At the oldest entry: no row has been answered yet.
  function way.begin_anew()
    p.is_behind_cursor = false
    p.rows, p.copied = {'ok', 0, 0, 0, 0, 0, 0, '', 0, '', ''}, {}
    p.n_rows, p.passed, p.held = 0, 0, 0
    for _, user in pairs(p.users) do
      user.last_ms, user.is_behind = false, user.is_under_way
    end
  end

  -- Whether an entry stays where it is: "row", "passed", or nil when it is for
  -- the usual way.
  function way.stays(id, f)
    local user = f.u and p.users[f.u]
    if not (user and user.is_away) then
      return nil
    end
    if f.is_plain and not user.is_behind then
      add_row(user, id, f)
      return 'row'
    elseif f.is_plain or (f.x and not f.is_ephemeral and
      (user.last_ms or user.is_behind)) then
      user.is_behind = true
      return 'passed'
    end
    return nil
  end

  -- The hints of all rows, before the answer lets anybody make them.
  function way.hint()
    local CHUNK = 500
    for from = 1, #p.copied, CHUNK do
      local words = {}
      for i = from, math.min(from + CHUNK - 1, #p.copied) do
        local user = p.copied[i]
        words[#words + 1] = user.urn
        words[#words + 1] =
          cold_hinted(user.record, ARGV[6], user.last_ms)
      end
      call('HSET', prefix .. 'cold', unpack(words))
    end
  end

  return way
end

-- The earliest expiry of each user in a slice who gets something into hot. What
-- may vanish is left out: nobody would take its user off again.
local function note_expiries(slice)
  local earliest, words = {}, {}
  for _, entry in ipairs(slice) do
    local f = entry[2]
    if f.x and not f.is_ephemeral and
      not (p.direct and p.users[f.u].is_away) then
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

-- What the partitions may still do, all together.
local room = {entries = tonumber(ARGV[2]), size = tonumber(ARGV[3]),
  kept = MAX_KEPT, size_kept = 8 * ARGV[3]}

local function is_full()
  return p.routed + p.dropped + p.dead + p.n_rows >= p.max_entries or
    p.size >= p.max_size or p.held + p.passed >= p.max_kept or
    p.size_kept >= p.max_size_kept
end

local function take(id, f)
  local is_held = p.holding and p.holding[lane_of(f)]
  local how = not is_held and p.direct and p.direct.stays(id, f)
  if how then -- whoever takes it out of ingress looks for no tries
    list_for(p, 'staying', id)
  end
  if how == 'passed' then
    p.passed = p.passed + 1
  elseif not is_held and (how == 'row' or attempt(id, f)) then
    p.size = p.size + f.size
    return
  else
    p.holding = p.holding or {}
    p.holding[lane_of(f)] = true
    p.held = p.held + 1
  end
  p.size_kept = p.size_kept + f.size
end

local function slice_from(from)
  return call('XRANGE', prefix .. 'ingress', from, '+', 'COUNT', SLICE)
end

-- Returns whether the whole of this slice is taken.
local function take_slice(slice)
  note_expiries(slice)
  for i, entry in ipairs(slice) do
    p.walked = entry[1]
    take(p.walked, entry[2])
    if is_full() then
      return i == #slice
    end
  end
  return true
end

-- Returns whether the whole of ingress was looked at, from this slice on.
local function walk(slice)
  while true do
    for _, entry in ipairs(slice) do
      entry[2] = read(entry[2])
    end
    if not p.direct or p.direct.look(slice) then
      local is_end = take_slice(slice) and #slice < SLICE
      settle_slice()
      if is_end or is_full() then
        return is_end
      end
      slice = slice_from('(' .. p.walked)
    else
      p.direct.begin_anew()
      -- No share ends it before it comes to whoever is back: the next call
      -- would do no better.
      p.max_kept, p.max_size_kept = room.kept, room.size_kept
      slice = slice_from('-')
    end
  end
end

local direct -- made by the first partition that has use for it

-- A partition, of n_left that are to come with it; its words begin in ARGV
-- behind `at`, and the walk behind `from`.
local function begin(at, n_left, from)
  p = {
    users = {}, -- by urn
    is_careful = ARGV[at + 2] == '1', max_tries = tonumber(ARGV[4]),
    routed = 0, dropped = 0, dead = 0, held = 0, passed = 0, n_marked = 0,
    n_rows = 0, size = 0, size_kept = 0, -- of what goes on, of what stays
    max_entries = math.max(1, math.floor(room.entries / n_left)),
    max_size = math.max(1, math.floor(room.size / n_left)),
    max_kept = math.max(1, math.floor(room.kept / n_left)),
    max_size_kept = math.max(1, math.floor(room.size_kept / n_left)),
    -- Made when there is something for them. Of the slice: due, incarnation ->
    -- urns; marks and watched, words; told, what push_about takes; leaving and
    -- staying, ids.
    due = nil, marks = nil, watched = nil, told = nil,
    leaving = nil, staying = nil,
    holding = nil, foreign = nil, -- by lane
    delays = nil, -- ms -> how many
    last_error = nil,
    walked = '', is_behind_cursor = from ~= '',
  }
  p.has_tries = p.is_careful or
    (ARGV[at + 3] == '1' and call('EXISTS', prefix .. 'tries') == 1)
  if ARGV[at + 4] == '1' then
    direct = direct or direct_way()
    p.direct = direct
    p.rows = {'ok', 0, 0, 0, 0, 0, 0, '', 0, '', ''}
    p.copied = {} -- users with rows
    p.versions = {} -- urn -> version, "hot" or "way", of names
    for i = at + 7, at + 5 + 2 * ARGV[at + 6], 2 do
      p.versions[ARGV[i]] = ARGV[i + 1]
    end
  end
end

local function route(key, at, n_left)
  prefix = key
  local holder = call('MGET', key .. 'owner', key .. 'gate')
  if holder[1] ~= ARGV[at + 1] then
    return {'lost'}
  elseif holder[2] ~= ARGV[1] then
    return {'gate'}
  end
  local from = ARGV[at + 4] == '1' and ARGV[at + 5] or ''
  local slice = slice_from(from == '' and '-' or '(' .. from)
  if #slice == 0 then
    return {'ok', 0, 0, 0, 0, 0, 0, '', 0, from, ''}
  end
  begin(at, n_left, from)
  local is_end = walk(slice)
  if p.direct then
    p.direct.hint()
  end
  if p.losses then
    p.losses.finish()
  end
  room.entries = room.entries - (p.routed + p.dropped + p.dead + p.n_rows)
  room.size = room.size - p.size
  room.kept = room.kept - (p.held + p.passed)
  room.size_kept = room.size_kept - p.size_kept
  if p.holding and p.held == 0 then
    p.held = 1 -- seen before the walk began anew, and has a try counted
  end
  local left = is_end and p.held or
    call('XLEN', key .. 'ingress') - p.n_rows - p.passed
  local answer = {'ok', p.routed, p.dropped, p.dead, p.held, left, p.n_marked,
    p.last_error or '', p.passed, p.held == 0 and p.walked or '',
    p.delays and delays_text() or ''}
  if p.n_rows == 0 then
    return answer
  end
  for i = 2, #answer do
    p.rows[i] = answer[i]
  end
  return p.rows
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
publish_pokes(pokes)
return results
