-- exports index_sum, index_add, index_remove
-- exports index_distrust, index_forget, index_settle
-- needs prefix, INDEX_SPAN, index_score
-- Keep index:<urn>, and what hotsize says of it, "<n> <bytes> <alive> <dead>":
-- n entries, their bytes, and how many of these are of entries that expire
-- before second `alive`. Only send begins a size, when it has to know; until
-- hot is empty it is kept then. It is true while n is the length of the index:
-- a cut leaves it untrue, and whoever comes next throws it away. A script ends
-- with index_settle.
local index_sum, index_add, index_remove
local index_distrust, index_forget, index_settle
do
  local sums, has_sums = {}, nil -- urn -> what hotsize will say

  function index_sum(urn)
    local sum = sums[urn]
    if sum then
      return sum
    end
    sum = {key = prefix .. 'index:' .. urn} -- without n: hotsize says nothing
    sums[urn] = sum
    if has_sums == nil then
      local size = redis.pcall('HLEN', prefix .. 'hotsize')
      if type(size) ~= 'number' then -- a foreign key; it can be made anew
        redis.call('DEL', prefix .. 'hotsize')
        size = 0
      end
      has_sums = size > 0
    end
    local text = has_sums and redis.call('HGET', prefix .. 'hotsize', urn)
    if text then
      local n, bytes, alive, dead = text:match('^(%d+) (%d+) (%d+) (%d+)$')
      sum.bytes, sum.alive, sum.dead = tonumber(bytes), tonumber(alive),
        tonumber(dead)
      if redis.pcall('ZCARD', sum.key) == tonumber(n) then
        sum.n = tonumber(n)
      else
        redis.call('HDEL', prefix .. 'hotsize', urn)
      end
    end
    return sum
  end

  local function change(sum, score, sign)
    local size = score % INDEX_SPAN
    sum.has_changed = true
    sum.n, sum.bytes = sum.n + sign, sum.bytes + sign * size
    if score < sum.alive * INDEX_SPAN then
      sum.dead = sum.dead + sign * size
    end
  end

  -- Before the entry is in hot. Returns true when it was not in the index.
  function index_add(urn, member, expires_ms, size)
    local sum, score = index_sum(urn), index_score(expires_ms, size)
    local text = string.format('%d', score)
    local added = redis.pcall('ZADD', sum.key, text, member)
    if type(added) ~= 'number' then -- a foreign key; an index can be made anew
      redis.call('DEL', sum.key)
      added = redis.call('ZADD', sum.key, text, member)
    end
    if added == 1 and sum.n then
      change(sum, score, 1)
    end
    return added == 1
  end

  -- After entries have left hot: ids[first] to ids[last], mark "!" or "".
  function index_remove(urn, mark, ids, first, last)
    local sum, seen = index_sum(urn), {}
    for i = first, last, 500 do
      local members = {}
      for k = i, math.min(i + 499, last) do
        members[#members + 1] = mark .. ids[k]
      end
      local scores = sum.n and redis.call('ZMSCORE', sum.key, unpack(members))
      redis.pcall('ZREM', sum.key, unpack(members))
      for k, score in ipairs(scores or {}) do
        if score and not seen[members[k]] then
          seen[members[k]] = true
          change(sum, tonumber(score), -1)
        end
      end
    end
  end

  -- What hotsize says is not to be believed.
  function index_distrust(urn)
    redis.pcall('HDEL', prefix .. 'hotsize', urn)
    sums[urn] = nil
  end

  -- Nothing is in hot.
  function index_forget(urn)
    redis.call('DEL', prefix .. 'index:' .. urn)
    index_distrust(urn)
  end

  function index_settle()
    for urn, sum in pairs(sums) do
      if sum.n == 0 then
        redis.call('HDEL', prefix .. 'hotsize', urn)
      elseif sum.n and sum.has_changed then
        redis.call('HSET', prefix .. 'hotsize', urn,
          string.format('%d %d %d %d', sum.n, sum.bytes, sum.alive, sum.dead))
      end
    end
  end
end
