-- exports INDEX_SPAN, INDEX_EPOCH_S, INDEX_MAX_S, index_score, index_alive
-- index:<urn> knows what waits in hot without the envelopes: a member for each
-- entry, its id, with "!" before it in the high band; the score tells when it
-- expires (seconds since 2025, rounded up, so never too early) and how many
-- bytes its envelope has. Below 2^53, so exact.
--
-- Every entry of hot is in there before it is in hot, and until it has left:
-- where both have the same length, they have the same entries.
--
-- Whoever is in an index is in expiry, until it is gone: landed.lua asks an
-- index only then.
local INDEX_SPAN, INDEX_EPOCH_S, INDEX_MAX_S = 2^23, 1735689600, 2^30 - 1
local index_score, index_alive
do
  local function to_second(second)
    return math.max(0, math.min(second - INDEX_EPOCH_S, INDEX_MAX_S))
  end

  function index_score(expires_ms, size)
    return to_second(math.ceil(expires_ms / 1000)) * INDEX_SPAN +
      math.min(size, INDEX_SPAN - 1)
  end

  -- The first score that has not expired by now.
  function index_alive(now_ms)
    return string.format('%d',
      to_second(math.floor(now_ms / 1000) + 1) * INDEX_SPAN)
  end
end
