-- exports index_remove, index_forget, index_check
-- exports index_lose, index_settle, hot_length
-- needs prefix, INDEX_SPAN
-- Keep index:<urn> and, when something leaves, waits: user -> "<n> <bytes>" of
-- what is in ingress and hot. Only send adds to waits, before ingress grows; a
-- script that removes something ends with index_settle.
--
-- What is in ingress and in the index, for a route call was cut off, waits
-- once, until it has left both: whoever takes it out of one of them counts it
-- only if it is not in the other. So no cut makes waits too low. One that is
-- too high is made good by whoever settles while ingress is empty, for then
-- waits has the length of hot; but not before index has it too. Else nobody
-- knows the bytes, and beside the right number nobody would look for them
-- again.
local index_remove, index_forget, index_check
local index_lose, index_settle, hot_length
do
  -- include waits_of

  local gone = {} -- urn -> entries and bytes that have left

  local function gone_of(urn)
    local sum = gone[urn]
    if not sum then
      sum = {n = 0, bytes = 0}
      gone[urn] = sum
    end
    return sum
  end

  local function length(key)
    local n = redis.pcall('XLEN', key)
    return type(n) == 'number' and n or 0 -- a foreign key is route's business
  end

  function hot_length(urn)
    return length(prefix .. 'hot:' .. urn) + length(prefix .. 'hot!:' .. urn)
  end

  -- Of ids[first] to ids[last] those that have a score and do not stay.
  local function count_once(ids, first, last, scores, staying)
    local n, bytes, seen = 0, 0, {}
    for k = first, last do
      local id, score = ids[k], scores[k - first + 1]
      if score and not seen[id] and not (staying and staying[id]) then
        seen[id] = true
        n, bytes = n + 1, bytes + score % INDEX_SPAN
      end
    end
    return n, bytes
  end

  -- After entries have left hot: ids[first] to ids[last], mark "!" or "".
  -- staying: what staying_in_ingress says of them, nil where none can be there
  function index_remove(urn, mark, ids, first, last, staying)
    local key, sum = prefix .. 'index:' .. urn, gone_of(urn)
    for i = first, last, 500 do
      local to, members = math.min(i + 499, last), ids
      if mark ~= '' then
        members = {}
        for k = i, to do
          members[k] = mark .. ids[k]
        end
      end
      local scores = redis.pcall('ZMSCORE', key, unpack(members, i, to))
      local n, bytes, known = redis.pcall('ZREM', key, unpack(members, i, to)),
        0, 0
      for _, score in ipairs(scores) do
        if score then
          known, bytes = known + 1, bytes + score % INDEX_SPAN
        end
      end
      -- Some are named twice, or the index is foreign.
      if known ~= n or staying then
        n, bytes = count_once(ids, i, to, scores, staying)
      end
      sum.n, sum.bytes = sum.n + n, sum.bytes + bytes
    end
  end

  -- One of this size leaves ingress. What is in hot all the same, for a route
  -- call was cut off, goes on waiting there.
  function index_lose(urn, member, size)
    local score = redis.pcall('ZSCORE', prefix .. 'index:' .. urn, member)
    if type(score) ~= 'string' then
      local sum = gone_of(urn)
      sum.n, sum.bytes = sum.n + 1, sum.bytes + size
    end
  end

  -- Nothing is in hot any more, whatever the index says. n: how many this call
  -- took out of hot and did not tell index_remove, if none of them is in
  -- ingress; else nil. Who is in the index beside these is looked for in
  -- ingress.
  function index_forget(urn, n)
    local sum = gone_of(urn)
    sum.is_empty, sum.n_known = true, n
  end

  -- Have it seen that waits is right; sums_up: look also when its number is.
  function index_check(urn, sums_up)
    gone_of(urn).sums_up = sums_up
  end

  local function bytes_in(key)
    local scores, bytes = redis.pcall('ZRANGE', key, 0, -1, 'WITHSCORES'), 0
    for i = 2, #scores, 2 do
      bytes = bytes + scores[i] % INDEX_SPAN
    end
    return bytes
  end

  local function settle(urn, sum, is_queue_empty)
    local waits = prefix .. 'waits'
    local n, bytes, had = 0, 0, waits_of(waits, 'HGET', urn)
    if had then
      n, bytes = had:match('^(%d+) (%d+)$')
      n = tonumber(n)
    end
    if sum.is_empty then
      local key = prefix .. 'index:' .. urn
      if had and not is_queue_empty then
        local size = redis.pcall('ZCARD', key)
        if size ~= sum.n_known then -- not those that are in ingress either
          local scores = redis.pcall('ZRANGE', key, 0, -1, 'WITHSCORES')
          for i = 2, #scores, 2 do
            local id = scores[i - 1]:gsub('^!', '')
            local found = redis.pcall('XRANGE', prefix .. 'ingress', id, id)
            if found.err or #found == 0 then
              sum.n, sum.bytes = sum.n + 1, sum.bytes + scores[i] % INDEX_SPAN
            end
          end
        elseif size > 0 then
          sum.n = sum.n + size
          if n > sum.n then -- what is in ingress is left, and keeps its bytes
            sum.bytes = sum.bytes + bytes_in(key)
          end
        end
      end
      redis.call('DEL', key)
    end
    n, bytes = math.max(n - sum.n, 0), math.max(bytes - sum.bytes, 0)
    if is_queue_empty then
      local hot_n = sum.is_empty and 0 or hot_length(urn)
      local key = prefix .. 'index:' .. urn
      if hot_n == 0 then
        n = 0
        redis.call('DEL', key) -- what a cut has left there, waits has no more
      elseif (n ~= hot_n or sum.sums_up) and
        redis.pcall('ZCARD', key) == hot_n then
        n, bytes = hot_n, bytes_in(key)
      end
    end
    if n > 0 then
      redis.call('HSET', waits, urn, string.format('%d %d', n, bytes))
    elseif had then
      redis.call('HDEL', waits, urn, '!' .. urn)
    end
  end

  -- is_queue_empty: when it is known whether ingress is, else nil
  function index_settle(is_queue_empty)
    if is_queue_empty == nil and next(gone) then
      is_queue_empty = redis.pcall('XLEN', prefix .. 'ingress') == 0
    end
    for urn, sum in pairs(gone) do
      settle(urn, sum, is_queue_empty)
    end
  end
end
