-- exports EPHEMERAL, unpack_entry
-- An entry of ingress or of a hot queue has two fields: x, when the message
-- expires, in milliseconds by Redis' clock, and m, all the rest. m is made by
-- the program that sends (lib/mailbox/entry.h) and stays as it is until it
-- leaves Redis:
--
--   1 byte   layout of m, 1
--   1 byte   bits: 1 high band, 2 ephemeral
--   1 byte   length of the URN
--   1 byte   length of the name of a device, 0 so far
--   8 bytes  trace id, random
--   URN of the recipient, name of the device, envelope
--
-- flat: names and values of an entry. Returns when it expires (nil: x is no
-- number), the bytes of the envelope, the bits and the length of the URN, which
-- follows ENTRY_HEAD bytes; nil when no send has written that.
-- include entry_head

local EPHEMERAL = 2
local function unpack_entry(flat)
  local m = flat[4]
  if m and flat[3] == 'm' and flat[1] == 'x' then
    local layout, bits, urn_length, device_length = m:byte(1, 4)
    if layout == 1 and device_length and urn_length > 0 then
      local size = #m - ENTRY_HEAD - urn_length - device_length
      if size > 0 then
        return tonumber(flat[2]), size, bits, urn_length
      end
    end
  end
  return nil
end
