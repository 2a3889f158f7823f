package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"quarterturn/ledger"
	"quarterturn/policies"
	"quarterturn/rotator"
	"quarterturn/secret"
)

// crowd is a ledger and a rotator over so many credentials, each with a key of thirty days, wired and taken stock of.
func crowd(b *testing.B, n int) *rotator.Rotator {
	b.Helper()
	ctx := context.Background()
	l, err := ledger.OpenSQLite(ctx, filepath.Join(b.TempDir(), "ledger.db"), time.Now, ledger.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	o := rotator.Options{Ledger: l, Now: time.Now, NewID: newID, Owner: "bench"}
	for i := range n {
		name := fmt.Sprintf("credential-%05d", i)
		o.Credentials = append(o.Credentials, rotator.Credential{Spec: rotator.Spec{Credential: name, Vendor: "bluum", Environment: "production",
			Digest: name, Policy: policies.Quarterly(), Parts: map[string]string{"places.env.dotenv.file": name}}})
		p := rotator.Pair{ID: rotator.PairID("pair-" + name), Credential: name, Environment: "production", Life: rotator.Current,
			Created: time.Now().Add(-30 * policies.Day), Prints: secret.Prints{"@k1": "print-of-" + name, "key@k1": "key-" + name}}
		if err := l.Adopt(ctx, p); err != nil {
			b.Fatal(err)
		}
	}
	rt, err := rotator.New(o)
	if err != nil {
		b.Fatal(err)
	}
	quiet(b, rt)
	return rt
}

// quiet is a pass that finds nothing to do.
func quiet(b *testing.B, rt *rotator.Rotator) {
	b.Helper()
	if passed, err := rt.Pass(context.Background()); err != nil || len(passed.Outcomes) > 0 {
		b.Fatalf("%d outcomes, %v", len(passed.Outcomes), err)
	}
}

// BenchmarkPassOver shows that a pass with nothing due costs the same whether a hundred or ten thousand credentials exist.
func BenchmarkPassOver(b *testing.B) {
	for _, n := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("%d credentials", n), func(b *testing.B) {
			rt := crowd(b, n)
			b.ReportAllocs()
			for b.Loop() {
				quiet(b, rt)
			}
			b.ReportMetric(heap(), "heap-MiB")
		})
	}
}

// BenchmarkStatusOf reads where so many credentials stand.
func BenchmarkStatusOf(b *testing.B) {
	for _, n := range []int{100, 1_000} {
		b.Run(fmt.Sprintf("%d credentials", n), func(b *testing.B) {
			rt := crowd(b, n)
			b.ReportAllocs()
			for b.Loop() {
				if all, err := rt.Status(context.Background()); err != nil || len(all) != n {
					b.Fatal(len(all), err)
				}
			}
		})
	}
}

// heap is what is in use after a collection.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse) / (1 << 20)
}
