#!lua flags=allow-oom
-- dlq_drop: throw dead letters away for good, because an operator said so.
--
-- KEYS[1]  wp:{p}:dlq or wp:inbox:dlq
-- ARGV     entry, … (at most 500)
-- Result   how many of them were there
--
-- The stream is never deleted: its last id keeps the names of dead letters
-- unique, so that a name written down earlier never means another one.
return redis.call('XDEL', KEYS[1], unpack(ARGV))
