-- exports PUSH_NOBODY
-- What notified:<urn> says for a while of somebody who was found to have no
-- device: above every id, so that no message is news. Whoever registers a
-- device takes it away (push_wake.lua).
local PUSH_NOBODY = '9007199254740991-0'
