-- exports staying_in_ingress
-- needs prefix, is_above
-- Of ids[first] to ids[last], which are in their order and leave hot, those
-- that are in ingress as well: a route call was cut off, and the next one will
-- take them. A set, nil when there are none. What is in ingress is mostly newer
-- than all of them: one look tells, and from where on the others are worth one
-- each.
local function staying_in_ingress(ids, first, last)
  local ingress, staying = prefix .. 'ingress', nil
  local entry = last >= first and
    redis.pcall('XRANGE', ingress, ids[first], ids[last], 'COUNT', 1)[1]
  while entry and last >= first and not is_above(entry[1], ids[last]) do
    local id = ids[last]
    if #redis.call('XRANGE', ingress, id, id) > 0 then
      staying = staying or {}
      staying[id] = true
    end
    last = last - 1
  end
  return staying
end
