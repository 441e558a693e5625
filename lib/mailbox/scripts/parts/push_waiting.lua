-- exports push_waiting
-- needs prefix, now_ms, live_in_hot, COLD_RECORD
-- How many messages of a user wait and have not expired; 0 only when none do,
-- if the gate is open. What is on its way to the cold store counts twice for a
-- moment, and rows of which nobody has told the number as one.
local push_waiting
do
  local function length(key)
    local n = redis.pcall('XLEN', key)
    return type(n) == 'number' and n or 0 -- a foreign key is route's business
  end

  local function in_cold(urn)
    local record = redis.call('HGET', prefix .. 'cold', urn)
    if not record then
      return 0
    end
    local _, last, version, n = record:match(COLD_RECORD)
    if (tonumber(last) or math.huge) <= now_ms then
      return 0
    end
    return tonumber(version) and tonumber(n) or 1
  end

  function push_waiting(urn)
    local n = length(prefix .. 'hot:' .. urn) + length(prefix .. 'hot!:' .. urn)
    return live_in_hot(urn, n, now_ms) + in_cold(urn)
  end
end
