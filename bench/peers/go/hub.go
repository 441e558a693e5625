package main

import (
	"encoding/json"
	"log"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/gorilla/websocket"
)

// Each message on it is one or more URNs, separated by commas.
const pokeChannel = "poke"

const (
	writeWait  = 10 * time.Second
	pongWait   = 60 * time.Second
	pingPeriod = 30 * time.Second
	sendQueue  = 256
)

type client struct {
	user string
	id   string
	conn *websocket.Conn
	send chan []byte
}

type hub struct {
	pool  *redis.Pool
	mutex sync.RWMutex
	users map[string]map[*client]struct{}
}

func newHub(pool *redis.Pool) *hub {
	return &hub{pool: pool, users: map[string]map[*client]struct{}{}}
}

var upgrader = websocket.Upgrader{
	ReadBufferSize:  1024,
	WriteBufferSize: 1024,
	CheckOrigin:     func(r *http.Request) bool { return true },
}

func (h *hub) add(c *client) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.users[c.user] == nil {
		h.users[c.user] = map[*client]struct{}{}
	}
	h.users[c.user][c] = struct{}{}
}

func (h *hub) remove(c *client) {
	h.mutex.Lock()
	if _, ok := h.users[c.user][c]; ok {
		delete(h.users[c.user], c)
		if len(h.users[c.user]) == 0 {
			delete(h.users, c.user)
		}
		close(c.send)
	}
	h.mutex.Unlock()
	conn := h.pool.Get()
	defer conn.Close()
	conn.Do("HDEL", "online:"+c.user, c.id)
}

type frame struct {
	Type         string `json:"type"`
	ConnectionID string `json:"connectionId,omitempty"`
	User         string `json:"user,omitempty"`
	Pending      *int64 `json:"pending,omitempty"`
}

var poke = frame{Type: "poke"}

func (h *hub) poke(user string) {
	text, _ := json.Marshal(poke)
	h.mutex.RLock()
	defer h.mutex.RUnlock()
	for c := range h.users[user] {
		select {
		case c.send <- text:
		default: // too slow
			c.conn.Close()
		}
	}
}

// listen passes on what is published, for as long as the program runs.
func (h *hub) listen(path string) {
	for {
		conn, err := redis.Dial("unix", path)
		if err != nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		sub := redis.PubSubConn{Conn: conn}
		if err = sub.Subscribe(pokeChannel); err == nil {
			err = h.receive(sub)
		}
		log.Printf("redis: %v", err)
		conn.Close()
	}
}

func (h *hub) receive(sub redis.PubSubConn) error {
	for {
		switch m := sub.Receive().(type) {
		case redis.Message:
			for _, user := range strings.Split(string(m.Data), ",") {
				h.poke(user)
			}
		case error:
			return m
		}
	}
}

// register notes who is online and looks how much waits.
func (h *hub) register(c *client) (int64, error) {
	conn := h.pool.Get()
	defer conn.Close()
	conn.Send("HSET", "online:"+c.user, c.id, time.Now().Unix())
	conn.Send("XLEN", hotKey(c.user, true))
	conn.Send("XLEN", hotKey(c.user, false))
	if err := conn.Flush(); err != nil {
		return 0, err
	}
	if _, err := conn.Receive(); err != nil {
		return 0, err
	}
	high, err := redis.Int64(conn.Receive())
	if err != nil {
		return 0, err
	}
	standard, err := redis.Int64(conn.Receive())
	return high + standard, err
}

func (s *server) connect(w http.ResponseWriter, r *http.Request) {
	user, err := s.authenticate(r)
	if err != nil {
		answer(w, http.StatusUnauthorized, fail(401, "unauthorized",
			"no token, or one that does not verify"))
		return
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	c := &client{user, newRequestID(), conn, make(chan []byte, sendQueue)}
	s.hub.add(c)
	pending, err := s.hub.register(c)
	if err != nil {
		conn.Close()
		s.hub.remove(c)
		return
	}
	hello, _ := json.Marshal(frame{"connected", c.id, user, &pending})
	c.send <- hello
	go c.writePump()
	c.readPump(s.hub)
}

func (c *client) readPump(h *hub) {
	defer func() {
		h.remove(c)
		c.conn.Close()
	}()
	c.conn.SetReadLimit(maxEnvelope + 4096)
	c.conn.SetReadDeadline(time.Now().Add(pongWait))
	c.conn.SetPongHandler(func(string) error {
		return c.conn.SetReadDeadline(time.Now().Add(pongWait))
	})
	for {
		if _, _, err := c.conn.ReadMessage(); err != nil {
			return
		}
	}
}

func (c *client) writePump() {
	ticker := time.NewTicker(pingPeriod)
	defer func() {
		ticker.Stop()
		c.conn.Close()
	}()
	for {
		select {
		case text, ok := <-c.send:
			c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if !ok {
				c.conn.WriteMessage(websocket.CloseMessage, nil)
				return
			}
			if c.conn.WriteMessage(websocket.TextMessage, text) != nil {
				return
			}
		case <-ticker.C:
			c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if c.conn.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}
