#!lua
-- ready: would Redis take a write now? No flag says that this script does not
-- write, so Redis refuses to begin it when it is full, a replica, has too few
-- replicas or a disk that fails.
--
-- KEYS[1]  wp:meta
-- Result   "ok"
return 'ok'
