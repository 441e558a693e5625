-- exports is_above
-- Both parts are below 2^53, so Lua's numbers compare them exactly.
local function is_above(a, b)
  local a_ms, a_seq = a:match('^(%d+)-(%d+)$')
  local b_ms, b_seq = b:match('^(%d+)-(%d+)$')
  a_ms, a_seq = tonumber(a_ms), tonumber(a_seq)
  b_ms, b_seq = tonumber(b_ms), tonumber(b_seq)
  return a_ms > b_ms or (a_ms == b_ms and a_seq > b_seq)
end
