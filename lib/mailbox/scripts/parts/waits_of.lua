-- exports waits_of
-- What waits says; command is HGET or HMGET. A foreign key in its place is made
-- anew, and the next audit counts again.
local function waits_of(waits, command, ...)
  local answer = redis.pcall(command, waits, ...)
  if type(answer) == 'table' and answer.err then
    redis.call('DEL', waits)
    answer = redis.call(command, waits, ...)
  end
  return answer
end
