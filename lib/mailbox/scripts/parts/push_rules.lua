-- exports push_grace_ms, push_inactive_ms
-- needs push
-- push: "<grace_ms>,<inactive_ms>": how long after a message somebody is told
-- that something waits, and after how long somebody who is online; or "-" when
-- nobody wants that: then the two are nil.
local push_grace_ms, push_inactive_ms = push:match('^(%d+),(%d+)$')
push_grace_ms = tonumber(push_grace_ms)
push_inactive_ms = tonumber(push_inactive_ms)
