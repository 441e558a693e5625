-- exports nothing
-- needs prefix, owner
-- Only for the owner of the partition. The whole value is compared: its token
-- is used once, so nobody who lost the partition is taken for who has it now.
if redis.call('GET', prefix .. 'owner') ~= owner then
  return {'lost'}
end
