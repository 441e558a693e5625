package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/gomodule/redigo/redis"
)

const (
	maxEnvelope = 262144
	maxBatch    = 4194304
	maxItems    = 100
	maxPull     = 500
	maxAck      = 1000
)

func hotKey(urn string, high bool) string {
	if high {
		return "hot!:" + urn
	}
	return "hot:" + urn
}

// An id is a UUIDv7 that holds the stream's: 48 bits of milliseconds, 12 bits
// and 12 more of the sequence, one of the band.
func toID(entry string, high bool) (string, error) {
	ms, seq, err := splitEntry(entry)
	if err != nil || seq >= 1<<24 {
		return "", errors.New("no entry id")
	}
	band := uint64(0)
	if high {
		band = 1
	}
	return fmt.Sprintf("%08x-%04x-7%03x-8%03x-%012x", ms>>16, ms&0xffff,
		seq>>12, seq&0xfff, band), nil
}

func fromID(id string) (entry string, high bool, err error) {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[14] != '7' ||
		id[18] != '-' || id[23] != '-' {
		return "", false, errors.New("no UUIDv7")
	}
	ms, err1 := strconv.ParseUint(id[0:8]+id[9:13], 16, 64)
	seq, err2 := strconv.ParseUint(id[15:18]+id[20:23], 16, 64)
	band, err3 := strconv.ParseUint(id[24:], 16, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return "", false, errors.New("no UUID")
	}
	return fmt.Sprintf("%d-%d", ms, seq), band == 1, nil
}

func splitEntry(entry string) (ms, seq uint64, err error) {
	dash := strings.IndexByte(entry, '-')
	if dash < 0 {
		return 0, 0, errors.New("no entry id")
	}
	if ms, err = strconv.ParseUint(entry[:dash], 10, 64); err != nil {
		return
	}
	seq, err = strconv.ParseUint(entry[dash+1:], 10, 64)
	return
}

func readBody(r *http.Request, max int64) ([]byte, *failure) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, fail(415, "unsupported_media_type", "JSON is wanted")
	}
	if r.ContentLength > max {
		return nil, fail(413, "payload_too_large", "the body is too large")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, max+1))
	if err != nil {
		return nil, fail(400, "bad_request", "the body did not arrive")
	}
	if int64(len(body)) > max {
		return nil, fail(413, "payload_too_large", "the body is too large")
	}
	return body, nil
}

type accepted struct {
	ID string `json:"id"`
}

type item struct {
	env  *envelope
	json []byte
}

// enqueue appends each to its recipient's stream and pokes whoever is online,
// all in one round trip.
func (s *server) enqueue(items []item) ([]string, error) {
	conn := s.pool.Get()
	defer conn.Close()
	for _, it := range items {
		high := it.env.Priority >= 5
		conn.Send("XADD", hotKey(it.env.RecipientID, high), "*", "e", it.json)
		conn.Send("PUBLISH", pokeChannel, it.env.RecipientID)
	}
	if err := conn.Flush(); err != nil {
		return nil, err
	}
	ids := make([]string, len(items))
	for i, it := range items {
		entry, err := redis.String(conn.Receive())
		if err != nil {
			return nil, err
		}
		if _, err = conn.Receive(); err != nil {
			return nil, err
		}
		if ids[i], err = toID(entry, it.env.Priority >= 5); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func unavailable() *failure {
	return fail(503, "unavailable", "the outcome is unknown; repeat")
}

func (s *server) send(w http.ResponseWriter, r *http.Request, _ string) *failure {
	body, f := readBody(r, maxEnvelope)
	if f != nil {
		return f
	}
	env, canonical, err := readEnvelope(body)
	if err != nil {
		return fail(400, "invalid_envelope", err.Error())
	}
	ids, err := s.enqueue([]item{{env, canonical}})
	if err != nil {
		return unavailable()
	}
	w.Header().Set("X-Durability", "always")
	answer(w, http.StatusAccepted, accepted{ids[0]})
	return nil
}

func (s *server) sendBatch(w http.ResponseWriter, r *http.Request, _ string) *failure {
	body, f := readBody(r, maxBatch)
	if f != nil {
		return f
	}
	var batch struct {
		Envelopes []json.RawMessage `json:"envelopes"`
	}
	if err := json.Unmarshal(body, &batch); err != nil {
		return fail(400, "invalid_json", err.Error())
	}
	if len(batch.Envelopes) < 1 || len(batch.Envelopes) > maxItems {
		return fail(400, "invalid_batch", "1 to 100 envelopes are wanted")
	}
	results := make([]interface{}, len(batch.Envelopes))
	items := make([]item, 0, len(batch.Envelopes))
	where := make([]int, 0, len(batch.Envelopes))
	for i, text := range batch.Envelopes {
		env, canonical, err := readEnvelope(text)
		if err != nil {
			results[i] = fail(400, "invalid_envelope", err.Error())
			continue
		}
		items = append(items, item{env, canonical})
		where = append(where, i)
	}
	ids, err := s.enqueue(items)
	if err != nil {
		return unavailable()
	}
	for i, id := range ids {
		results[where[i]] = accepted{id}
	}
	w.Header().Set("X-Durability", "always")
	answer(w, http.StatusAccepted, struct {
		Results []interface{} `json:"results"`
	}{results})
	return nil
}

type message struct {
	ID       string          `json:"id"`
	Envelope json.RawMessage `json:"envelope"`
}

// readBand appends up to limit+1 messages of one band.
func readBand(reply interface{}, high bool, out []message) ([]message, error) {
	entries, err := redis.Values(reply, nil)
	if err != nil {
		return nil, err
	}
	for _, raw := range entries {
		entry, err := redis.Values(raw, nil)
		if err != nil || len(entry) != 2 {
			return nil, errors.New("odd reply")
		}
		id, err := redis.String(entry[0], nil)
		if err != nil {
			return nil, err
		}
		fields, err := redis.ByteSlices(entry[1], nil)
		if err != nil || len(fields) != 2 {
			return nil, errors.New("odd reply")
		}
		uuid, err := toID(id, high)
		if err != nil {
			return nil, err
		}
		out = append(out, message{uuid, fields[1]})
	}
	return out, nil
}

func (s *server) messages(w http.ResponseWriter, r *http.Request, user string) *failure {
	query := r.URL.Query()
	limit := 50
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fail(400, "bad_request", "limit is no integer")
		}
		if n > 0 {
			limit = n
		}
		if limit > maxPull {
			limit = maxPull
		}
	}
	from, isStandard := map[bool]string{true: "-", false: "-"}, false
	if text := query.Get("after"); text != "" {
		entry, high, err := fromID(text)
		if err != nil {
			return fail(400, "bad_request", "after is no id of a message")
		}
		from[high] = "(" + entry
		isStandard = !high
	}
	conn := s.pool.Get()
	defer conn.Close()
	if !isStandard {
		conn.Send("XRANGE", hotKey(user, true), from[true], "+",
			"COUNT", limit+1)
	}
	conn.Send("XRANGE", hotKey(user, false), from[false], "+",
		"COUNT", limit+1)
	if conn.Flush() != nil {
		return unavailable()
	}
	out := []message{}
	for _, high := range []bool{true, false} {
		if high && isStandard {
			continue
		}
		reply, err := conn.Receive()
		if err == nil {
			out, err = readBand(reply, high, out)
		}
		if err != nil {
			return unavailable()
		}
	}
	hasMore := len(out) > limit
	if hasMore {
		out = out[:limit]
	}
	answer(w, http.StatusOK, struct {
		Messages []message `json:"messages"`
		HasMore  bool      `json:"hasMore"`
	}{out, hasMore})
	return nil
}

func (s *server) ack(w http.ResponseWriter, r *http.Request, user string) *failure {
	body, f := readBody(r, maxEnvelope)
	if f != nil {
		return f
	}
	var ack struct {
		MessageIDs []string `json:"messageIds"`
	}
	if err := json.Unmarshal(body, &ack); err != nil {
		return fail(400, "invalid_json", err.Error())
	}
	if len(ack.MessageIDs) > maxAck {
		return fail(400, "invalid_ack", "at most 1000 ids are taken")
	}
	args := map[bool]redis.Args{
		true:  redis.Args{}.Add(hotKey(user, true)),
		false: redis.Args{}.Add(hotKey(user, false)),
	}
	for _, id := range ack.MessageIDs {
		if entry, high, err := fromID(id); err == nil {
			args[high] = args[high].Add(entry)
		}
	}
	conn := s.pool.Get()
	defer conn.Close()
	for _, list := range args {
		if len(list) > 1 {
			if _, err := conn.Do("XDEL", list...); err != nil {
				return unavailable()
			}
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
