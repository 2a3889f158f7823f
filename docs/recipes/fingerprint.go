//go:build ignore

// Prints the fingerprint of the pair this process runs with.
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
	key, _ := hex.DecodeString(text[colon+1:])
	mac := hmac.New(sha256.New, key)
	for _, part := range []string{"key", os.Getenv("BLUUM_API_KEY"), "secret", os.Getenv("BLUUM_API_SECRET")} {
		fmt.Fprintf(mac, "%d:%s,", len(part), part)
	}
	fmt.Printf("%s:%x\n", text[:colon], mac.Sum(nil))
}
