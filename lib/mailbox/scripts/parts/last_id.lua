-- exports last_id
-- The last id that a stream has given out, be it deleted since; 0-0 when there
-- is no stream.
local function last_id(key)
  local info = redis.pcall('XINFO', 'STREAM', key)
  if info.err then
    if info.err:find('no such key', 1, true) then
      return '0-0'
    end
    error(info)
  end
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      return info[i + 1]
    end
  end
end
