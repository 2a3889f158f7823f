//go:build ignore

// Command fingerprint prints the fingerprint of the pair this process runs with.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
)

func main() {
	text := os.Getenv("QUARTERTURN_PRINT_KEY")
	colon := strings.LastIndex(text, ":")
	key, err := hex.DecodeString(text[colon+1:])
	if colon < 0 || err != nil {
		fmt.Fprintln(os.Stderr, "QUARTERTURN_PRINT_KEY is not set, or is no fingerprint key")
		os.Exit(1)
	}
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{"key", os.Getenv("BLUUM_API_KEY"), "secret", os.Getenv("BLUUM_API_SECRET")} {
		fmt.Fprintf(mac, "%d:%s,", len(part), part)
	}
	fmt.Printf("%s:%x\n", text[:colon], mac.Sum(nil))
}
