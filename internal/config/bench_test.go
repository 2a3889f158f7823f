package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"quarterturn/internal/config"
)

// many is a configuration of n credentials that one template describes.
func many(n int) string {
	var b strings.Builder
	b.WriteString(`ledger: sqlite:quarterturn.db
seal: {recipients: [age1qqqqqqqqqqqqqqqqqqqq]}
fingerprint: {key_file: fingerprint.key}
connections: {main-vault: {vault: {address: "https://vault.example"}}}
people: {payments: {owner: owner@payments.example, approvers: [lead@security.example]}}
defaults: {people: payments}
templates:
  trading:
    places:
      - {name: vault, on: main-vault, path: "kv/{name}"}
      - {name: env, dotenv: {file: "{name}.env"}, fields: {key: "{VENDOR}_API_KEY", secret: "{VENDOR}_API_SECRET"}, follows: vault}
    consumers:
      - {name: app, reads: [env], redeploy: {command: [systemctl, restart, "{name}"]}, proof: {http: {url: "https://app.example/{name}", fingerprint: "$.print"}}}
credentials:
`)
	for i := range n {
		fmt.Fprintf(&b, "  - {name: c-%05d, vendor: bluum, environment: production, extends: trading}\n", i)
	}
	return b.String()
}

func BenchmarkLoad10000(b *testing.B) {
	path := filepath.Join(b.TempDir(), "quarterturn.yaml")
	if err := os.WriteFile(path, []byte(many(10_000)), 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var peak uint64
	for b.Loop() {
		done := make(chan struct{})
		watched := watch(done)
		c, err := config.Load(path, kinds())
		close(done)
		peak = max(peak, <-watched)
		if err != nil || len(c.Credentials) != 10_000 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
}

// watch sends the most heap that was in use until done.
func watch(done <-chan struct{}) <-chan uint64 {
	out := make(chan uint64, 1)
	tick := time.NewTicker(20 * time.Millisecond)
	go func() {
		defer tick.Stop()
		var peak uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
			select {
			case <-done:
				out <- peak
				return
			case <-tick.C:
			}
		}
	}()
	return out
}
