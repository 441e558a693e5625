package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

const maxURN = 255

// envelope is a SecureEnvelope; docs/openapi.yaml has its rules.
type envelope struct {
	RecipientID           string `json:"recipientId"`
	EncryptedData         string `json:"encryptedData"`
	EncryptedSymmetricKey string `json:"encryptedSymmetricKey,omitempty"`
	Signature             string `json:"signature,omitempty"`
	IsEphemeral           bool   `json:"isEphemeral,omitempty"`
	Priority              int32  `json:"priority"`
}

// The other spelling of the same fields.
type snakeEnvelope struct {
	RecipientID           *string `json:"recipient_id"`
	EncryptedData         *string `json:"encrypted_data"`
	EncryptedSymmetricKey *string `json:"encrypted_symmetric_key"`
	IsEphemeral           *bool   `json:"is_ephemeral"`
}

func toURN(name string) (string, error) {
	if len(name) > maxURN || name == "" {
		return "", errors.New("a URN has 1 to 255 bytes")
	}
	if !strings.Contains(name, ":") {
		return "urn:sm:user:" + name, nil
	}
	parts := strings.Split(name, ":")
	if len(parts) != 4 || parts[0] != "urn" || parts[1] == "" ||
		parts[2] == "" || parts[3] == "" {
		return "", errors.New("this is no URN")
	}
	return name, nil
}

// canonical64 takes either alphabet, padded or not.
func canonical64(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	plain := strings.TrimRight(text, "=")
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(plain, "-_") {
		encoding = base64.RawURLEncoding
	}
	data, err := encoding.DecodeString(plain)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(data), nil
}

// readEnvelope validates; what is returned second is the canonical JSON.
func readEnvelope(text []byte) (*envelope, []byte, error) {
	var e envelope
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, nil, err
	}
	if e.RecipientID == "" || e.EncryptedData == "" {
		var s snakeEnvelope
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, nil, err
		}
		if s.RecipientID != nil {
			e.RecipientID = *s.RecipientID
		}
		if s.EncryptedData != nil {
			e.EncryptedData = *s.EncryptedData
		}
		if s.EncryptedSymmetricKey != nil {
			e.EncryptedSymmetricKey = *s.EncryptedSymmetricKey
		}
		if s.IsEphemeral != nil {
			e.IsEphemeral = *s.IsEphemeral
		}
	}
	var err error
	if e.RecipientID, err = toURN(e.RecipientID); err != nil {
		return nil, nil, err
	}
	if e.EncryptedData == "" {
		return nil, nil, errors.New("encryptedData is required")
	}
	for _, field := range []*string{&e.EncryptedData,
		&e.EncryptedSymmetricKey, &e.Signature} {
		if *field, err = canonical64(*field); err != nil {
			return nil, nil, errors.New("no valid base64")
		}
	}
	canonical, err := json.Marshal(&e)
	return &e, canonical, err
}
