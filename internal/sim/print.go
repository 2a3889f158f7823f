package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// printer computes what a consumer shows of its pair: "<id>/<consumer>:<hex>". The zero printer shows nothing.
type printer struct {
	name string // <id>/<consumer>
	key  []byte
}

func newPrinter(derived string) (printer, error) {
	if derived == "" {
		return printer{}, nil
	}
	colon := max(strings.LastIndexByte(derived, ':'), 0) // the last: a consumer's name may hold one
	name, text := derived[:colon], strings.TrimPrefix(derived[colon:], ":")
	id, consumer, _ := strings.Cut(name, "/")
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != sha256.Size || id == "" || consumer == "" {
		return printer{}, errors.New("sim: a print key is <id>/<consumer>:<64 hex digits>")
	}
	return printer{name, key}, nil
}

// print hashes the fields in the order of their names, each name and value led by its length in bytes, so that no two
// different pairs have the same bytes.
func (p printer) print(l loaded) string {
	if p.key == nil {
		return ""
	}
	mac := hmac.New(sha256.New, p.key)
	for _, text := range []string{"key", l.key, "secret", l.secret} {
		_, _ = io.WriteString(mac, netstring(text))
	}
	return p.name + ":" + hex.EncodeToString(mac.Sum(nil))
}

// netstring is "<length>:<text>,"; a name and its value follow each other without anything between.
func netstring(text string) string { return fmt.Sprintf("%d:%s,", len(text), text) }
