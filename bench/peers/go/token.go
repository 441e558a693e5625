package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt"
)

const maxToken = 8192

var errToken = errors.New("bad token")

// authenticate returns the caller's URN.
func (s *server) authenticate(r *http.Request) (string, error) {
	text := r.Header.Get("Authorization")
	if len(text) > maxToken || len(text) < 8 ||
		!strings.EqualFold(text[:7], "Bearer ") {
		return "", errToken
	}
	parser := jwt.Parser{ValidMethods: []string{"HS256"}}
	claims := jwt.MapClaims{}
	_, err := parser.ParseWithClaims(text[7:], claims,
		func(*jwt.Token) (interface{}, error) { return s.secret, nil })
	if err != nil {
		return "", err
	}
	if _, ok := claims["exp"]; !ok {
		return "", errToken
	}
	for _, name := range []string{"handle", "sub"} {
		if who, ok := claims[name].(string); ok && who != "" {
			return toURN(who)
		}
	}
	return "", errToken
}

func isRequestID(id string) bool {
	if len(id) < 1 || len(id) > 64 {
		return false
	}
	for i := 0; i < len(id); i++ {
		c := id[i]
		if !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' ||
			c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

func newRequestID() string {
	var bytes [16]byte
	rand.Read(bytes[:])
	return hex.EncodeToString(bytes[:])
}
