-- exports is_above
-- Both parts are below 2^53, so Lua's numbers compare them exactly. What is no
-- id is as 0-0: a foreign value is above nothing, and what comes replaces it.
local function is_above(a, b)
  local a_ms, a_seq = a:match('^(%d+)-(%d+)$')
  local b_ms, b_seq = b:match('^(%d+)-(%d+)$')
  a_ms, a_seq = tonumber(a_ms) or 0, tonumber(a_seq) or 0
  b_ms, b_seq = tonumber(b_ms) or 0, tonumber(b_seq) or 0
  return a_ms > b_ms or (a_ms == b_ms and a_seq > b_seq)
end
