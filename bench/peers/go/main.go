// The peer: Waypost's contract as an honest Go service would serve it, on
// net/http, redigo, golang-jwt and gorilla/websocket. One process is front
// door, hot queue and hub at once; messages stay in Redis.
//
// What it leaves out, to its advantage: quotas, idempotency keys, expiry, a
// worker between acceptance and the mailbox, migration to disk, request logs.
package main

import (
	"encoding/json"
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
)

type server struct {
	secret []byte
	pool   *redis.Pool
	hub    *hub
}

func listen(where string) (net.Listener, error) {
	if path := strings.TrimPrefix(where, "unix:"); path != where {
		return net.Listen("unix", path)
	}
	return net.Listen("tcp", where)
}

func newPool(path string) *redis.Pool {
	return &redis.Pool{
		MaxIdle:     128,
		MaxActive:   128,
		Wait:        true,
		IdleTimeout: 5 * time.Minute,
		Dial: func() (redis.Conn, error) {
			return redis.Dial("unix", path,
				redis.DialConnectTimeout(2*time.Second),
				redis.DialReadTimeout(5*time.Second),
				redis.DialWriteTimeout(5*time.Second))
		},
	}
}

func main() {
	where := flag.String("listen", "127.0.0.1:8090", "unix:PATH or HOST:PORT")
	redisPath := flag.String("redis", "", "Redis' unix socket")
	flag.Parse()
	secret := os.Getenv("JWT_SECRET")
	if len(secret) < 32 {
		log.Fatal("JWT_SECRET must have 32 bytes")
	}
	s := &server{secret: []byte(secret), pool: newPool(*redisPath)}
	s.hub = newHub(s.pool)
	go s.hub.listen(*redisPath)

	mux := http.NewServeMux()
	mux.HandleFunc("/api/send", s.post(s.send))
	mux.HandleFunc("/api/send/batch", s.post(s.sendBatch))
	mux.HandleFunc("/api/messages", s.get(s.messages))
	mux.HandleFunc("/api/messages/ack", s.post(s.ack))
	mux.HandleFunc("/connect", s.connect)
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("OK"))
	})

	listener, err := listen(*where)
	if err != nil {
		log.Fatal(err)
	}
	web := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 15 * time.Second,
		IdleTimeout:       65 * time.Second,
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		os.Exit(0)
	}()
	log.Fatal(web.Serve(listener))
}

type failure struct {
	status int
	Error  string `json:"error"`
	Code   string `json:"code"`
}

func fail(status int, code, text string) *failure {
	return &failure{status, text, code}
}

func answer(w http.ResponseWriter, status int, body interface{}) {
	text, err := json.Marshal(body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(text)
}

type handler func(w http.ResponseWriter, r *http.Request, user string) *failure

// serve checks method and token, names the request and writes errors.
func (s *server) serve(method string, h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		if !isRequestID(id) {
			id = newRequestID()
		}
		w.Header().Set("X-Request-Id", id)
		if r.Method != method {
			w.Header().Set("Allow", method)
			answer(w, http.StatusMethodNotAllowed, fail(405,
				"method_not_allowed", "the method is not allowed here"))
			return
		}
		user, err := s.authenticate(r)
		if err != nil {
			answer(w, http.StatusUnauthorized, fail(401, "unauthorized",
				"no token, or one that does not verify"))
			return
		}
		if f := h(w, r, user); f != nil {
			if f.status == http.StatusServiceUnavailable {
				w.Header().Set("Retry-After", "1")
			}
			answer(w, f.status, f)
		}
	}
}

func (s *server) get(h handler) http.HandlerFunc {
	return s.serve(http.MethodGet, h)
}

func (s *server) post(h handler) http.HandlerFunc {
	return s.serve(http.MethodPost, h)
}
