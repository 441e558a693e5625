-- exports nothing
-- needs prefix, owner, lease_ms
-- Only for the owner of the partition, whose lease is renewed by it.
-- include owner
redis.call('PEXPIRE', prefix .. 'owner', lease_ms)
