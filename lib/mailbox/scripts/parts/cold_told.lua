-- exports cold_told
-- needs COLD_RECORD
-- A record with what the cold store has told of a version of the mailbox, or
-- nil when that is nothing new: versions only rise, so whoever comes late
-- cannot overwrite the truth.
local function cold_told(record, version, n, bytes)
  local token, last, known = record:match(COLD_RECORD)
  if not token or (tonumber(known) or -1) >= tonumber(version) then
    return nil
  end
  return table.concat({token, last, version, n, bytes}, ' ')
end
